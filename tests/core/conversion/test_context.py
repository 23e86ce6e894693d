import numpy as np
import pytest
from onnx import TensorProto, helper

from core.common.errors import ConversionError, OptionError, SourceError
from core.common.progress import silent
from core.conversion import context as context_module
from core.conversion.context import ConversionContext
from core.inputs.images import Split, read_folder, split
from core.inputs.synthetic import SYNTHETIC_SAMPLES
from core.onnx_model.inspect import inspect
from core.runtimes.onnx import OnnxPredictor
from small import PREPROCESSING, SIZE, conv_net, pictures, save


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


@pytest.fixture
def audio(tmp_path):
    """Sum of audio and a state, times a rate; only the first differs between samples."""
    nodes = [
        helper.make_node("ReduceSum", ["audio"], ["total"], keepdims=1),
        helper.make_node("Add", ["total", "state"], ["moved"]),
        helper.make_node("Mul", ["moved", "rate"], ["sum"]),
    ]
    inputs = [
        helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, "length"]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 8]),
        helper.make_tensor_value_info("rate", TensorProto.FLOAT, []),
    ]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 8])]
    return inspect(save(nodes, inputs, outputs, [], tmp_path / "audio.onnx"))


def made(source, folder, files=None, **options):
    return ConversionContext(source, PREPROCESSING, split=files or Split(), folder=folder / "work", **options)


def images(folder, count):
    return split(read_folder(pictures(folder / "images", count)))


def arrays(folder, count):
    (folder / "arrays").mkdir()
    for index in range(count):
        np.save(folder / "arrays" / f"{index}.npy", np.full((1, 4 + index), index, np.float32))
    return split(read_folder(folder / "arrays"))


def counted(monkeypatch, name):
    """Count the calls of a function of the module; it still does its work."""
    calls, function = [], getattr(context_module, name)

    def wrapper(*arguments, **options):
        calls.append(name)
        return function(*arguments, **options)

    monkeypatch.setattr(context_module, name, wrapper)
    return calls


def test_each_shared_step_is_done_once(source, tmp_path, monkeypatch):
    calls = [counted(monkeypatch, name) for name in ("prepare_model", "run_source", "convert_to_ncnn")]
    context = made(source, tmp_path, images(tmp_path, 4))
    assert context.prepared is context.prepared and context.expected is context.expected
    assert context.references is context.references and context.ncnn_model is context.ncnn_model
    assert [len(each) for each in calls] == [1, 1, 1]


def test_a_failing_conversion_to_ncnn_is_run_once_and_raised_each_time(tmp_path, monkeypatch):
    nodes = [helper.make_node("TopK", ["input", "k"], ["values", "indices"])]
    outputs = [
        helper.make_tensor_value_info("values", TensorProto.FLOAT, [1, 3, 8, 2]),
        helper.make_tensor_value_info("indices", TensorProto.INT64, [1, 3, 8, 2]),
    ]
    weights = [helper.make_tensor("k", TensorProto.INT64, [1], [2])]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8])]
    source = inspect(save(nodes, inputs, outputs, weights, tmp_path / "top.onnx"))
    calls = counted(monkeypatch, "convert_to_ncnn")
    context = ConversionContext(source, PREPROCESSING.overridden(size=(8, 8)), split=Split(), folder=tmp_path / "work")
    errors = []
    for _ in range(3):
        with pytest.raises(ConversionError, match="TopK") as caught:
            _ = context.ncnn_model
        errors.append(caught.value)
    assert len(calls) == 1 and errors[0] is errors[1] is errors[2]


def test_references_are_the_first_test_samples_with_the_sources_outputs(source, tmp_path):
    context = made(source, tmp_path, images(tmp_path, 20))
    samples = list(context.test_samples())
    assert len(context.references) == 4 < len(samples) == 10
    predictor = OnnxPredictor(source.path, threads=1)
    for (feeds, outputs), sample in zip(context.references, samples, strict=False):
        assert np.array_equal(feeds["input"], sample.feeds["input"])
        assert np.array_equal(outputs["scores"], predictor.run(feeds)["scores"])
    assert np.array_equal(context.references[0][1]["scores"], context.expected["scores"])


def test_without_files_the_test_samples_are_synthetic(source, tmp_path):
    context = made(source, tmp_path)
    assert len(list(context.test_samples())) == SYNTHETIC_SAMPLES
    assert not context.has_test_samples and not context.can_calibrate and context.calibration_count == 0
    assert made(source, tmp_path, images(tmp_path, 3)).has_test_samples


def test_unreadable_test_files_give_synthetic_samples_and_a_note(source, tmp_path):
    files = images(tmp_path, 2)
    files.test[0].write_bytes(b"no image")
    context = made(source, tmp_path, files)
    assert not context.has_test_samples and context.can_calibrate
    assert [str(note) for note in context.notes] == ["1 picture could not be read and was skipped."]


def test_missing_inputs_of_samples_are_completed_once(audio, tmp_path, monkeypatch):
    calls = counted(monkeypatch, "find_dummy_inputs")
    context = made(audio, tmp_path, arrays(tmp_path, 6), inputs={"rate": "3"})
    feeds = [sample.feeds for sample in context.test_samples()] + list(context.calibration_feeds(silent))
    assert len(feeds) == 6 and len(calls) == 1
    for each in feeds:
        assert set(each) == {"audio", "state", "rate"} and each["rate"] == 3 and each["state"].shape == (1, 8)
    assert {each["audio"].shape for each in feeds} == {(1, 4 + index) for index in range(6)}
    assert [tensor.name for tensor in context.sampled.inputs] == ["audio", "state"]


def test_fixed_inputs_are_part_of_synthetic_samples(audio, tmp_path):
    context = made(audio, tmp_path, inputs={"rate": "3", "state": "ones"})
    for sample in context.test_samples():
        assert sample.feeds["rate"] == 3 and (sample.feeds["state"] == 1).all()
    assert context.expected["sum"].shape == (1, 8)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"rates": "3"}, 'no input "rates"'),
        ({"rate": "fast"}, '"fast" does not fit the input "rate"'),
        ({"state": "zeros:2,8"}, "takes 1x8 of the type float32"),
    ],
)
def test_fixed_inputs_that_do_not_fit_are_readable_errors(audio, tmp_path, inputs, message):
    with pytest.raises(OptionError, match=message) as caught:
        made(audio, tmp_path, inputs=inputs)
    assert str(caught.value.next_step)


@pytest.mark.parametrize(("count", "variants"), [(2, 4), (10, 4), (14, 2), (40, 1)])
def test_few_calibration_images_are_augmented(source, tmp_path, count, variants):
    context = made(source, tmp_path, images(tmp_path, count))
    shares = []
    feeds = list(context.calibration_feeds(lambda share, text: shares.append((share, str(text)))))
    images_used = count // 2
    assert len(feeds) == context.calibration_count == images_used * variants
    assert {each["input"].shape for each in feeds} == {(1, 3, SIZE, SIZE)}
    assert len(shares) == images_used and shares[0] == (0.0, f"Measuring ranges on picture 1 of {images_used}")


def test_arrays_are_not_augmented(audio, tmp_path):
    context = made(audio, tmp_path, arrays(tmp_path, 2), inputs={"rate": "3"})
    assert context.calibration_count == 1 and len(list(context.calibration_feeds(silent))) == 1
    assert [str(note) for note in context.calibration_notes] == ["Ranges were measured on 1 of your examples."]


@pytest.mark.parametrize(
    ("count", "note"),
    [
        (2, "Since it is a single one, it was augmented to 4 variants; more pictures are better."),
        (4, "Since they are few, each was augmented to 4 variants; more pictures are better."),
        (40, None),
    ],
)
def test_the_notes_of_calibration_are_in_good_english(source, tmp_path, count, note):
    measured, *others = map(str, made(source, tmp_path, images(tmp_path, count)).calibration_notes)
    assert measured == f"Ranges were measured on {count // 2} of your pictures."
    assert others == ([] if note is None else [note])


@pytest.mark.parametrize(
    ("duplicates", "note"),
    [
        (0, None),
        (1, "1 picture that occurs twice was counted once."),
        (3, "3 pictures that occur twice were counted once."),
    ],
)
def test_duplicates_are_noted_in_good_english(source, tmp_path, duplicates, note):
    context = made(source, tmp_path, Split(duplicates=duplicates))
    assert [str(each) for each in context.notes] == ([] if note is None else [note])


def test_the_notes_of_preparing_are_among_those_of_the_job_once_it_is_done(source, tmp_path, monkeypatch):
    def broken(model, opset):
        raise RuntimeError("no adapter")

    monkeypatch.setattr("onnx.version_converter.convert_version", broken)
    context = made(source, tmp_path)
    assert not context.notes
    assert context.prepared.notes and context.notes == context.prepared.notes


def test_a_source_that_does_not_run_is_a_readable_error(source, tmp_path):
    wrong = ConversionContext(source, PREPROCESSING.overridden(size=(8, 8)), split=Split(), folder=tmp_path / "work")
    with pytest.raises(SourceError, match=r"net\.onnx"):
        _ = wrong.expected
