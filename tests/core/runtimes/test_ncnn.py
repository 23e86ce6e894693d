import gc

import numpy as np
import pytest

from core.common.errors import ConversionError
from core.runtimes.ncnn import NcnnPredictor
from ncnn_small import TEXT, model, param_text


def image(seed=0, size=12, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal((1, 3, size, size)).astype(np.float32)


@pytest.fixture
def predictor():
    made = NcnnPredictor(model(), {"y0": np.zeros((1, 4), np.float32)}, threads=1)
    yield made
    made.close()


def relu(shape, **extra):
    made = model(param_text("ReLU r 1 1 in0 out0"))
    return NcnnPredictor(made, {"y0": np.zeros(shape, np.float32)}, threads=1, **extra)


def test_outputs_have_the_names_and_shapes_of_the_source(predictor):
    outputs = predictor.run({"x0": image()})
    assert predictor.outputs == ("y0",) and list(outputs) == ["y0"] and outputs["y0"].shape == (1, 4)


def test_outputs_are_deterministic_and_depend_on_the_input(predictor):
    first, again, other = (predictor.run({"x0": image(seed)})["y0"] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_outputs_are_not_overwritten_by_the_next_run(predictor):
    """They must not be views of memory that ncnn reuses."""
    first = predictor.run({"x0": image()})["y0"]
    kept = first.copy()
    for seed in range(1, 20):
        predictor.run({"x0": image(seed, scale=9)})
    predictor.close()
    gc.collect()
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (1, 9), (1, 4, 6), (1, 2, 3, 4, 5), (6,)])
def test_inputs_of_every_rank_are_passed_unchanged(shape):
    tensor = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    assert np.array_equal(relu(shape).run({"x0": tensor})["y0"], np.maximum(tensor, 0))


def test_strided_arrays_and_other_float_types_are_accepted():
    plain = image(size=8)
    expected = np.maximum(plain, 0)
    flipped = np.ascontiguousarray(plain[..., ::-1])[..., ::-1]
    for tensor in (flipped, np.asfortranarray(plain), plain.astype(np.float64)):
        assert np.array_equal(relu(plain.shape).run({"x0": tensor})["y0"], expected)


def test_large_arrays_are_kept_alive_while_ncnn_reads_them():
    shape = (1, 3, 700, 700)
    outputs = relu(shape).run({"x0": np.full(shape, 2, np.float64)})["y0"]
    assert (outputs == 2).all()


@pytest.mark.parametrize("layer", ["ReLU", "Sigmoid", "BinaryOp", "BatchNorm"])
def test_a_first_layer_that_works_in_place_neither_crashes_nor_changes_the_input(layer):
    made = model(param_text(f"{layer} r 1 1 in0 out0 {'0=0 1=1 2=0.5' if layer == 'BinaryOp' else '0=0'}"))
    if layer == "BatchNorm":
        made = model(param_text("BatchNorm r 1 1 in0 out0 0=3"))
    tensor = image(size=8)
    before = tensor.copy()
    predictor = NcnnPredictor(made, {"y0": tensor}, threads=1)
    first, second = (predictor.run({"x0": tensor})["y0"] for _ in range(2))
    assert np.array_equal(tensor, before) and np.array_equal(first, second, equal_nan=True)
    assert not np.array_equal(first, before)


def test_several_samples_are_run_one_after_the_other():
    pictures = np.concatenate([image(scale=3), image(scale=1)])
    runs = [
        NcnnPredictor(model(), {"y0": np.zeros((1, 4))}, threads=1).run({"x0": one[None]})["y0"] for one in pictures
    ]
    both = NcnnPredictor(model(), {"y0": np.zeros((2, 4))}, threads=1).run({"x0": pictures})["y0"]
    assert np.array_equal(both, np.concatenate(runs)) and not np.array_equal(*both)


@pytest.mark.parametrize(("shape", "reason"), [((1, 2, 2, 2, 2, 2), "does not fit"), ((1, 0), "is empty")])
def test_shapes_that_ncnn_cannot_hold_are_refused(shape, reason):
    with pytest.raises(ConversionError, match=reason):
        relu(shape).run({"x0": np.zeros(shape, np.float32)})


def test_a_missing_input_is_refused(predictor):
    with pytest.raises(ConversionError) as caught:
        predictor.run({"another": image()})
    assert "x0" in caught.value.detail


def test_an_output_of_another_size_is_refused():
    with pytest.raises(ConversionError, match="another size"):
        relu((1, 3, 8, 9)).run({"x0": image(size=8)})


def test_a_missing_blob_is_a_readable_error():
    made = model(TEXT)
    lost = type(made)(made.param, made.weights, made.inputs, {"y0": "nowhere"})
    with pytest.raises(ConversionError, match="stopped"):
        NcnnPredictor(lost, {"y0": np.zeros((1, 4))}, threads=1).run({"x0": image()})


def test_any_blob_can_be_extracted_in_any_order(predictor):
    """Intermediate ones too, which ncnn frees early otherwise."""
    tensor = image(scale=3)
    extracted = predictor.extract({"x0": tensor}, ["6", "in0", "2"])
    largest = {blob: np.abs(values).max() for blob, values in extracted}
    assert largest["in0"] == np.abs(tensor).max() and set(largest) == {"6", "in0", "2"}
    assert largest["2"] > largest["6"] > 0


def test_all_blobs_at_once_are_those_of_single_runs_though_memory_is_freed(predictor):
    blobs = ["in0", "1", "2", "3", "4", "5", "6", "out0"]
    at_once = {blob: values.copy() for blob, values in predictor.extract({"x0": image(scale=3)}, blobs)}
    for blob in blobs:
        ((_, alone),) = ((name, values.copy()) for name, values in predictor.extract({"x0": image(scale=3)}, [blob]))
        assert np.array_equal(at_once[blob], alone)
    assert list(at_once) == blobs


def test_with_memory_released_after_runs_outputs_are_the_same(predictor):
    expected = [predictor.run({"x0": image(seed)})["y0"] for seed in range(3)]
    predictor.release_memory_after_runs()
    for seed in range(3):
        assert np.array_equal(predictor.run({"x0": image(seed)})["y0"], expected[seed])
