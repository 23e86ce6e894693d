"""Statistics of a layer's inputs, against the layer's own outputs."""

import subprocess
import sys
import textwrap

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.paths import PROJECT_ROOT
from core.quantization.onnx.calibration import _SampleRoles, collect_statistics, spare_samples
from core.quantization.onnx.layers import find_layers
from core.runtimes.onnx import OnnxPredictor
from small import save


def one_layer(path, operator, shape, weights, **attributes):
    nodes = [helper.make_node(operator, ["x", "w"], ["y"], "layer", **attributes)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))]
    return onnx.load(str(save(nodes, inputs, outputs, [numpy_helper.from_array(weights, "w")], path)))


CASES = {
    "pointwise": ("Conv", (1, 6, 8, 8), (5, 6, 1, 1), {}),
    "dense": ("Conv", (1, 3, 9, 7), (4, 3, 3, 3), {"pads": [1] * 4}),
    "depthwise, stride 2": ("Conv", (1, 4, 8, 8), (4, 1, 5, 5), {"pads": [2] * 4, "group": 4, "strides": [2, 2]}),
    "grouped, dilated": ("Conv", (1, 4, 9, 9), (6, 2, 3, 3), {"group": 2, "dilations": [2, 2]}),
    "1d": ("Conv", (1, 4, 12), (3, 4, 3), {"pads": [0, 2]}),
    "gemm": ("Gemm", (1, 7), (7, 3), {}),
    "gemm, transposed": ("Gemm", (1, 7), (3, 7), {"transB": 1}),
    "matmul": ("MatMul", (1, 5, 7), (7, 3), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_patches_times_weights_are_the_outputs(case, tmp_path, monkeypatch):
    """So the moments have the right columns, in the order of the weights."""
    monkeypatch.setattr("core.quantization.onnx.patches._PATCHES_PER_AXIS", 100)
    monkeypatch.setattr("core.quantization.onnx.layers._MAX_COLUMNS", 12)
    operator, shape, kernel, attributes = CASES[case]
    random = np.random.default_rng(3)
    weights = random.standard_normal(kernel).astype(np.float32)
    model = one_layer(tmp_path / "net.onnx", operator, list(shape), weights, **attributes)
    samples = [{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(2)]
    (layer,) = find_layers(model)
    moments = collect_statistics(model, samples, operators=[operator], count=2).moments[layer]
    blocks = layer.to_blocks(weights)
    mean = np.einsum("boc,bc->bo", blocks, moments.means)
    mean = mean.reshape(-1) if layer.groups > 1 else mean.sum(axis=0)
    outputs = np.stack([OnnxPredictor(model, threads=1).run(sample)["y"] for sample in samples])
    channel = 2 if operator == "Conv" else outputs.ndim - 1
    others = tuple(axis for axis in range(outputs.ndim) if axis != channel)
    assert mean == pytest.approx(outputs.mean(axis=others), abs=1e-4)
    assert np.array_equal(layer.from_blocks(blocks), weights)


def test_ranges_cover_all_values_and_histograms_a_part(tmp_path):
    weights = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 4, 64, 64], weights)
    samples = [{"x": np.random.default_rng(seed).standard_normal((1, 4, 64, 64)).astype(np.float32)} for seed in (1, 2)]
    statistics = collect_statistics(model, samples, operators=["Conv"], count=2)
    values = np.stack([sample["x"] for sample in samples])
    assert statistics.ranges["x"] == (values.min(), values.max())
    assert 2000 < statistics.histograms["y"].total < 10_000


def test_memory_does_not_grow_with_the_samples(tmp_path):
    weights = np.ones((4, 4, 1, 1), np.float32)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 4, 32, 32], weights)

    def memory(count):
        samples = ({"x": np.full((1, 4, 32, 32), number, np.float32)} for number in range(count))
        statistics = collect_statistics(model, samples, operators=["Conv"], count=count)
        histograms = sum(histogram.counts.nbytes for histogram in statistics.histograms.values())
        return histograms + sum(moments.products.nbytes for moments in statistics.moments.values())

    assert memory(3) == memory(60)


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory of a process is told in another way")
def test_tensors_are_freed_as_soon_as_they_are_observed(tmp_path):
    """Sixty tensors of 8 MB; with patches taken after all reductions they took 600 MB together."""
    random = np.random.default_rng(0)
    count, shape = 60, [1, 8, 512, 512]
    nodes = [helper.make_node("Conv", [f"t{n}", f"w{n}"], [f"t{n + 1}"], f"layer{n}") for n in range(count)]
    weights = [
        numpy_helper.from_array(random.standard_normal((8, 8, 1, 1)).astype(np.float32), f"w{n}") for n in range(count)
    ]
    inputs = [helper.make_tensor_value_info("t0", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(f"t{count}", TensorProto.FLOAT, shape)]
    path = save(nodes, inputs, outputs, weights, tmp_path / "net.onnx")
    program = textwrap.dedent(f"""
        import re, numpy as np, onnx
        from pathlib import Path
        from core.quantization.onnx.calibration import collect_statistics

        def most():
            return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

        samples = [{{"t0": np.ones({shape}, np.float32)}} for _ in range(2)]
        model = onnx.load({str(path)!r})
        before = most()
        collect_statistics(model, samples, operators=["Conv"], count=2)
        print(most() - before)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    assert float(done.stdout) < 250


def test_gptq_and_the_sensitivity_analysis_use_different_samples(tmp_path):
    weights = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 2, 4, 4], weights)
    samples = [{"x": np.full((1, 2, 4, 4), number, np.float32)} for number in range(12)]
    statistics = collect_statistics(model, samples, operators=["Conv"], count=12)
    held_out = [int(sample["x"].flat[0]) for sample in statistics.held_out]
    (layer,) = find_layers(model)
    assert held_out == [2, 6, 10]
    others = [number for number in range(12) if number not in held_out]
    assert statistics.moments[layer].means[0] == pytest.approx([np.mean(others)] * 2)
    assert statistics.ranges["x"] == (0, 11)


def test_the_moving_average_is_the_mean_of_the_ranges_of_single_samples(tmp_path):
    weights = np.ones((1, 1, 1, 1), np.float32)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 1, 2, 2], weights)
    samples = [{"x": np.float32([[[[-low, 0], [0, high]]]])} for low, high in ((1, 4), (3, 6))]
    statistics = collect_statistics(model, samples, operators=["Conv"], count=2)
    assert statistics.ranges_by("moving-average")["x"] == (-2, 5)
    assert statistics.ranges_by("min-max")["x"] == (-3, 6)


def test_the_output_of_a_convolution_has_the_range_after_its_activation(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "conv"), helper.make_node("Relu", ["c"], ["y"], "relu")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2, 2])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 2, 2])]
    weights = [numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")]
    model = onnx.load(str(save(nodes, inputs, outputs, weights, tmp_path / "net.onnx")))
    sample = {"x": np.float32([[[[-5, -1], [2, 3]]]])}
    statistics = collect_statistics(model, [sample], operators=["Conv", "Relu"], count=1)
    assert statistics.ranges["c"] == statistics.ranges["y"] == (0, 3)


def test_without_samples_there_are_no_statistics(tmp_path):
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 1, 2, 2], np.ones((1, 1, 1, 1), np.float32))
    assert not collect_statistics(model, [], operators=["Conv"], count=0).ranges


@pytest.mark.parametrize("wanted", [None, tuple(range(3, 60, 2))])
def test_spare_samples_are_none_of_those_that_shape_weights(wanted):
    roles = _SampleRoles(100, wanted)
    used = {number for number in range(100) if roles.is_for_gptq(number) or roles.is_held_out(number)}
    spare = spare_samples(100, wanted, most=1000)
    assert spare and not used & {*spare} and not {*spare} & {*(wanted or ())}
    assert used | {*spare} | {*(wanted or ())} == set(range(100))
    some = spare_samples(100, wanted, most=10)
    assert len(some) == 10 and {*some} <= {*spare} and max(some) > 80
    assert not spare_samples(12, most=10)  # GPTQ needs all of them


def test_a_node_of_the_model_that_reads_nothing_is_not_taken_for_one_that_observes(tmp_path):
    weights = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 4, 8, 8], weights)
    model.graph.node.append(
        helper.make_node("Constant", [], ["alone"], "alone", value=numpy_helper.from_array(weights, "value"))
    )
    samples = [{"x": np.ones((1, 4, 8, 8), np.float32)}] * 2
    assert collect_statistics(model, samples, operators=["Conv"], count=2).moments
