"""The model with switches, against the float model and against rounding by hand."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from core.quantization.onnx.layers import find_layers
from core.quantization.onnx.quantize_weights import QuantizedWeights
from core.quantization.onnx.switched_model import FLOAT, SWITCHES, W8A8, W8A32, add_switches
from core.runtimes.onnx import OnnxPredictor
from small import conv_net

SAMPLE = {"input": np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)}


def run(model, switches):
    (output,) = OnnxPredictor(model, threads=1).run({**SAMPLE, SWITCHES: np.array(switches, np.int32)}).values()
    return output


@pytest.fixture
def model(tmp_path):
    return onnx.load(str(conv_net(tmp_path / "net.onnx")))


@pytest.fixture
def weights(model):
    """Every layer's weights times 2, so that its effect on the outputs is known."""
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {layer: QuantizedWeights(2 * floats[layer.weights], np.float32(1.0), None) for layer in find_layers(model)}


def test_with_all_switches_off_it_is_the_float_model(model, weights):
    (expected,) = OnnxPredictor(model, threads=1).run(SAMPLE).values()
    assert run(add_switches(model, weights, {}), [FLOAT] * 4) == pytest.approx(expected, abs=1e-6)


def test_a_switch_selects_the_8_bit_values_of_its_layer_alone(model, weights):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    last = next(tensor for tensor in changed.graph.initializer if tensor.name == "wf")
    last.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(last), "wf"))
    (expected,) = OnnxPredictor(changed, threads=1).run(SAMPLE).values()
    assert run(add_switches(model, weights, {}), [FLOAT] * 3 + [W8A8]) == pytest.approx(expected, abs=1e-5)


def test_a_tensor_with_a_range_is_rounded_and_clipped_to_it(model, weights):
    ranges = {"scores": (-0.5, 0.5)}
    output = run(add_switches(model, weights, ranges), [FLOAT] * 3 + [W8A8])
    zero = round(0.5 * 255)
    integers = output * 255 + zero
    assert integers == pytest.approx(np.rint(integers), abs=1e-3) and np.abs(output).max() <= 0.51


def test_weights_alone_in_8_bit_are_others_and_leave_activations_in_float(model, weights):
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weight_only = {layer: QuantizedWeights(3 * floats[layer.weights], np.float32(1.0), None) for layer in weights}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    last = next(tensor for tensor in changed.graph.initializer if tensor.name == "wf")
    last.CopyFrom(numpy_helper.from_array(3 * numpy_helper.to_array(last), "wf"))
    (expected,) = OnnxPredictor(changed, threads=1).run(SAMPLE).values()
    switched = add_switches(model, weights, {"scores": (-0.5, 0.5)}, weight_only=weight_only)
    assert run(switched, [FLOAT] * 3 + [W8A32]) == pytest.approx(expected, abs=1e-5)


def test_a_last_softmax_is_left_out(model, weights):
    model.graph.node.append(onnx.helper.make_node("Softmax", ["scores"], ["probabilities"]))
    model.graph.output[0].name = "probabilities"
    assert [value.name for value in add_switches(model, weights, {}).graph.output] == ["scores"]
