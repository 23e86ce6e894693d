"""Small models for the tests of ncnn: ``.param`` texts with random weights, and ONNX models for pnnx to convert."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from core.ncnn.model import NcnnModel
from core.ncnn.param import parse_param
from core.ncnn.slots import slots
from core.ncnn.weights import TAG_FLOAT32, Array, write_weights
from core.pnnx.convert import convert_by_pnnx
from core.pnnx.rewrite import rewrite_for_pnnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor

TEXT = """7767517
7 8
Input                    in0                      0 1 in0
Convolution              conv_0                   1 1 in0 1 0=8 1=3 11=3 12=1 13=1 14=1 2=1 3=1 4=1 5=1 6=216
Split                    splitncnn_0              1 2 1 2 3
ConvolutionDepthWise     convdw_1                 1 1 2 4 0=8 1=3 11=3 12=1 13=1 14=1 2=1 3=1 4=1 5=1 6=72 7=8 9=1
BinaryOp                 add_0                    2 1 3 4 5 0=0
Pooling                  gap_0                    1 1 5 6 0=1 4=1
InnerProduct             fc_0                     1 1 6 out0 0=4 1=1 2=32
"""


def param_text(*lines: str) -> str:
    """A ``.param`` file with an input ``in0`` and these layers, with the right counts."""
    tops = 1 + sum(int(line.split()[3]) for line in lines)
    return "\n".join(("7767517", f"{len(lines) + 1} {tops}", "Input in0 0 1 in0", *lines)) + "\n"


def model(text: str = TEXT, *, seed: int = 3) -> NcnnModel:
    """A float32 model with random weights of the sizes that its layers require."""
    random = np.random.default_rng(seed)
    param = parse_param(text)
    weights = tuple(
        tuple(
            Array(slot, random.standard_normal(slot.count).astype(np.float32), TAG_FLOAT32 if slot.tagged else None)
            for slot in slots(layer)
        )
        for layer in param.layers
    )
    inputs = {f"x{index}": blob for index, blob in enumerate(param.inputs)}
    outputs = {f"y{index}": blob for index, blob in enumerate(param.outputs)}
    return NcnnModel(param, weights, inputs, outputs)


def content(made: NcnnModel) -> bytes:
    """The bytes of its ``.bin`` file."""
    return write_weights(made.weights)


def onnx_model(nodes, inputs, outputs, **weights):
    """An ONNX model of nodes, inputs and outputs as (name, element type, shape), and weights by name."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def conv_then(*nodes, output=("y", TensorProto.FLOAT, None), **weights):
    """A convolution from ``x`` to ``c``, followed by these nodes."""
    random = np.random.default_rng(1)
    return onnx_model(
        [helper.make_node("Conv", ["x", "w"], ["c"], "conv"), *nodes],
        [("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [output],
        w=random.standard_normal((4, 3, 1, 1)).astype(np.float32),
        **weights,
    )


def best_two():
    """A model with a TopK, which ncnn does not have."""
    node = helper.make_node("TopK", ["c", "k"], ["y", "i"])
    model = conv_then(node, k=np.array([2], np.int64))
    model.graph.output.append(helper.make_tensor_value_info("i", TensorProto.INT64, None))
    return model


def outputs_by_pnnx(given, feeds, folder):
    """What ncnn computes of an ONNX model that pnnx has converted, after its rewrite where it has one."""
    made = convert_by_pnnx(rewrite_for_pnnx(given) or given, folder)
    return NcnnPredictor(made, OnnxPredictor(given, threads=1).run(feeds), threads=1).run(feeds)
