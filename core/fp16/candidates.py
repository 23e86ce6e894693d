"""Which nodes of an ONNX model can compute in fp16 at all, by type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx
from onnx import TensorProto, defs

from core.onnx_model.graph import ONNX_DOMAINS, attributes, copy_model, names_read, opset, set_outputs, subgraphs
from core.runtimes.onnx import OnnxPredictor

_EXCLUDED_OPERATORS = frozenset(
    {"ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial", "Range", "CumSum", "Constant", "GlobalAveragePool", "GlobalLpPool"}
)
"""Their output type is written in an attribute, or their long sums need 32 bit: on ARM, onnxruntime adds up in 16."""

_MAX_POOLED = 16
"""Values over which an average may be taken in fp16; there too, the sum is."""

_SHAPE_USERS = frozenset({"Resize", "Upsample", "Range", "NonMaxSuppression", "TopK"})
"""Operators whose inputs after the first are sizes, scales or limits."""


def fp16_candidates(model: onnx.ModelProto) -> tuple[int, ...]:
    """Indices of the nodes that may compute in fp16, in the model's order.

    Left out are nodes with subgraphs, of other domains, whose ONNX definition does not allow fp16,
    and those that only compute sizes or indices: fp16 cannot count beyond 2048.
    """
    floats = float_tensors(model)
    exact = _exact_nodes(model)
    version = opset(model)
    return tuple(
        index
        for index, node in enumerate(model.graph.node)
        if index not in exact and any(fp16_outputs(node, floats, version)) and _is_allowed(node)
    )


def float_tensors(model: onnx.ModelProto) -> frozenset[str]:
    """Names of all float32 tensors of the main graph; by onnxruntime, since few files state all types."""
    probe = copy_model(model)
    set_outputs(probe, list(dict.fromkeys(name for node in model.graph.node for name in node.output if name)))
    predictor = OnnxPredictor(probe, threads=1)
    try:
        computed = predictor.float_tensors
    finally:
        predictor.close()
    return computed | {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}


def fp16_outputs(node: onnx.NodeProto, floats: frozenset[str], version: int) -> list[bool]:
    """For each output, whether it is float32 and its definition allows fp16."""
    schema = _schema(node, version)
    if schema is None:
        return [False] * len(node.output)
    return [
        name in floats and _allows_fp16(schema, _parameter(schema.outputs, number))
        for number, name in enumerate(node.output)
    ]


def takes_fp16(node: onnx.NodeProto, number: int, version: int) -> bool:
    """Whether the definition of this input allows fp16."""
    schema = _schema(node, version)
    # Resize's region of interest may lie outside 0 to 1, and its definition ties its type to nothing.
    if schema is None or (node.op_type == "Resize" and number > 0):
        return False
    return _allows_fp16(schema, _parameter(schema.inputs, number))


def _exact_nodes(model: onnx.ModelProto) -> set[int]:
    """Nodes whose results end in nothing but integers, sizes and indices."""
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(model.graph.node):
        for name in names_read(node):
            readers.setdefault(name, []).append(index)
    outputs = {value.name for value in model.graph.output}
    exact: set[int] = set()
    for index in reversed(range(len(model.graph.node))):
        node = model.graph.node[index]
        users = [(user, name) for name in node.output for user in readers.get(name, [])]
        if (
            users
            and not outputs & set(node.output)
            and all(user in exact or _reads_exactly(model.graph.node[user], name) for user, name in users)
        ):
            exact.add(index)
    return exact


def _reads_exactly(node: onnx.NodeProto, name: str) -> bool:
    if node.op_type == "Cast":
        return attributes(node)["to"] not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    return node.op_type in _SHAPE_USERS and node.input[0] != name


def _is_allowed(node: onnx.NodeProto) -> bool:
    if node.domain not in ONNX_DOMAINS or node.op_type in _EXCLUDED_OPERATORS or any(subgraphs(node)):
        return False
    if "Sequence" in node.op_type or "Optional" in node.op_type:
        return False
    if node.op_type == "AveragePool" and math.prod(attributes(node)["kernel_shape"]) > _MAX_POOLED:
        return False
    return node.op_type != "Cast" or attributes(node)["to"] == TensorProto.FLOAT


def _schema(node: onnx.NodeProto, version: int) -> defs.OpSchema | None:
    try:
        return defs.get_schema(node.op_type, version, "")
    except defs.SchemaError:
        return None


def _parameter(parameters: Sequence[defs.OpSchema.FormalParameter], number: int) -> defs.OpSchema.FormalParameter:
    """The definition of an input or output; the last one stands for all further ones."""
    return parameters[min(number, len(parameters) - 1)]


def _allows_fp16(schema: defs.OpSchema, parameter: defs.OpSchema.FormalParameter) -> bool:
    for constraint in schema.type_constraints:
        if constraint.type_param_str == parameter.type_str:
            return "tensor(float16)" in constraint.allowed_type_strs
    return bool(parameter.type_str == "tensor(float16)")
