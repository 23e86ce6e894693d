"""Layers of odd kinds: none may cost the file, which must give the source's numbers."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from core.common.progress import silent
from core.metrics.similarity import ModelSimilarity
from core.onnx_model.graph import copy_model
from core.quantization.onnx import static
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.dynamic import quantize_dynamic
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from odd_layers import ODD_LAYERS, build, feeds


def differences(model, made, layer):
    source, other = OnnxPredictor(model, threads=1), OnnxPredictor(made, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for seed in range(20, 24):
        similarity.update(source.run(feeds(layer, seed)), other.run(feeds(layer, seed)))
    return {one.name: one for one in similarity.compute()}


def quantized(layer, samples):
    model = build(layer)
    name_nodes(model)
    add_biases(model)
    statistics = collect_statistics(model, samples, operators=QUANTIZED_OPERATORS, count=len(samples))
    made = quantize_static(model, statistics)
    return made.model, made.in_float + made.weight_only


@pytest.mark.parametrize("name", ODD_LAYERS)
def test_static_8_bit_keeps_the_numbers_and_quantises_the_other_layer(name):
    layer = ODD_LAYERS[name]
    made, _ = quantized(layer, [feeds(layer, seed) for seed in range(100, 140)])
    found = differences(build(layer), made, layer)
    assert found["y"].sqnr_db > 18 and found["product"].sqnr_db > 30
    assert any(
        tensor.data_type == TensorProto.INT8 and tuple(tensor.dims) == (16, 16) for tensor in made.graph.initializer
    )


@pytest.mark.parametrize("name", ODD_LAYERS)
def test_dynamic_8_bit_keeps_the_numbers(name, tmp_path):
    layer = ODD_LAYERS[name]
    model, sample = build(layer), feeds(layer, 0)
    references = [(sample, OnnxPredictor(model, threads=1).run(sample))]
    made = quantize_dynamic(
        lambda: copy_model(model), references, max_bytes=1 << 30, scratch=tmp_path / "s.onnx", progress=silent
    )
    assert made is not None and made.is_dynamic
    assert min(one.sqnr_db for one in differences(model, made.model, layer).values()) > 30


@pytest.mark.parametrize("name", ["matmul of 3-D weights", "matmul of 4-D weights", "transposed conv in groups"])
def test_layers_that_cannot_have_a_scale_for_each_channel_get_one_for_all(name):
    layer = ODD_LAYERS[name]
    made, _ = quantized(layer, [feeds(layer, seed) for seed in range(5)])
    shape = next(iter(layer.weights.values()))
    (weights,) = [one for one in made.graph.initializer if tuple(one.dims) == shape]
    assert weights.data_type in (TensorProto.INT8, TensorProto.UINT8)


def test_a_layer_that_the_quantiser_stumbles_over_stays_in_float(monkeypatch):
    # The check that keeps this Gemm out is off, so that the search has to find it.
    monkeypatch.setattr(static, "ineligible_nodes", lambda *_: [])
    layer = ODD_LAYERS["gemm with a matrix as bias"]
    made, kept = quantized(layer, [feeds(layer, seed) for seed in range(5)])
    found = differences(build(layer), made, layer)
    assert kept == 1 and found["y"].sqnr_db > 100 and 30 < found["product"].sqnr_db < 60


def test_a_layer_with_which_the_file_does_not_run_stays_in_float(monkeypatch):
    monkeypatch.setattr(static, "matrix_stacks", lambda _: set())
    layer = ODD_LAYERS["matmul of 3-D weights"]
    made, kept = quantized(layer, [feeds(layer, seed) for seed in range(5)])
    found = differences(build(layer), made, layer)
    assert kept == 1 and found["y"].sqnr_db > 100 and 30 < found["product"].sqnr_db < 60


def test_a_layer_that_loses_the_answers_stays_in_float(monkeypatch):
    # onnxruntime's quantiser drops beta from the bias: here the bias is all that matters.
    monkeypatch.setattr(static, "ineligible_nodes", lambda *_: [])
    layer = ODD_LAYERS["gemm with beta 2"]
    model = build(layer)
    for tensor in model.graph.initializer:
        if tensor.name == "w0":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(0.01) * onnx.numpy_helper.to_array(tensor), "w0"))
    model.graph.node[0].attribute[0].f = 50.0
    name_nodes(model)
    add_biases(model)
    samples = [feeds(layer, seed) for seed in range(5)]
    made = quantize_static(model, collect_statistics(model, samples, operators=QUANTIZED_OPERATORS, count=5))
    assert made.in_float + made.weight_only == 1 and differences(model, made.model, layer)["y"].sqnr_db > 30


@pytest.mark.parametrize("lengths", [(0, 0, 0, 0), (0, 4, 0, 3), (4, 0, 3, 0)])
def test_samples_may_be_empty(lengths):
    layer = ODD_LAYERS["matmul of 3-D weights that broadcast"]
    samples = [
        {**feeds(layer, 0), "x": feeds(layer, seed)["x"].repeat(2, axis=0)[:length]}
        for seed, length in enumerate(lengths)
    ]
    model = build(layer)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "length"
    name_nodes(model)
    statistics = collect_statistics(model, samples, operators=QUANTIZED_OPERATORS, count=len(samples))
    assert ("x" in statistics.ranges) == any(lengths)
    assert np.isfinite([*statistics.ranges.values(), *statistics.mean_ranges.values()]).all()
    made = quantize_static(model, statistics).model
    assert OnnxPredictor(made, threads=1).run(samples[0])["y"].shape == (lengths[0], 6, 5)
