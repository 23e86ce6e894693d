"""Attributes that are left at their defaults, or written out, where pnnx expects the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from core.onnx_model.graph import ONNX_DOMAINS
from core.pnnx.rewrite.values import Replacement, add_weight, constant, opset_of, scalar, static_shape

_SPLIT_INPUT_OPSET = 13
_REDUCTION_INPUTS_OPSET = 18
_LARGEST = float(np.finfo(np.float32).max)


def spell_for_pnnx(graph: ir.Graph) -> bool:
    """Write attributes and constants as pnnx reads them.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether anything was changed.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    changed = False
    for node in tuple(graph):
        if node.op_type in _RULES and node.domain in ONNX_DOMAINS:
            changed |= _RULES[node.op_type](graph, node)
    return changed


def _pad(graph: ir.Graph, node: ir.Node) -> bool:
    """Mode and pads of all axes written out."""
    changed = "mode" not in node.attributes
    if changed:
        node.attributes.add(ir.AttrString("mode", "constant"))
    sizes, axes, rank = constant(node, 1), constant(node, 3), len(static_shape(node.inputs[0]))
    if sizes is None or axes is None or not rank:
        return changed
    pads = np.zeros((2, rank), np.int64)
    pads[:, axes] = sizes.reshape(2, -1)
    node.replace_input_with(1, add_weight(graph, f"{node.outputs[0].name}_pads", pads.reshape(-1)))
    node.resize_inputs(3 if node.inputs[2] is not None else 2)
    return True


def _gather(_: ir.Graph, node: ir.Node) -> bool:
    """An embedding without its axis."""
    if constant(node, 0) is None or node.attributes.get_int("axis", -1) != 0:
        return False
    del node.attributes["axis"]
    return True


def _transpose(_: ir.Graph, node: ir.Node) -> bool:
    rank = len(static_shape(node.inputs[0]))
    if "perm" in node.attributes or not rank:
        return False
    node.attributes.add(ir.AttrInt64s("perm", list(range(rank))[::-1]))
    return True


def _split(graph: ir.Graph, node: ir.Node) -> bool:
    """Sizes and axis written out."""
    shape, parts = static_shape(node.inputs[0]), [static_shape(value) for value in node.outputs]
    if not shape or not all(parts) or opset_of(graph) < _SPLIT_INPUT_OPSET or constant(node, 1) is not None:
        return False
    axis = node.attributes.get_int("axis", 0) % len(shape)
    if len(parts) == 1 and node.inputs[0] is not None:
        new = Replacement(graph, node)
        return new.finish(new.add("Identity", node.inputs[0]))
    node.attributes.pop("num_outputs", None)
    node.attributes.add(ir.AttrInt64("axis", axis))
    sizes = np.array([part[axis] for part in parts], np.int64)
    node.resize_inputs(2)
    node.replace_input_with(1, add_weight(graph, f"{node.outputs[0].name}_sizes", sizes))
    return True


def _clip(graph: ir.Graph, node: ir.Node) -> bool:
    """Finite bounds: ncnn cannot read the others."""
    changed = False
    for index in (1, 2):
        bound = scalar(node, index)
        if bound is not None and abs(bound) == np.inf:
            finite = np.array(np.copysign(_LARGEST, bound), np.float32)
            node.replace_input_with(index, add_weight(graph, f"{node.outputs[0].name}_bound{index}", finite))
            changed = True
    return changed


def _gemm(graph: ir.Graph, node: ir.Node) -> bool:
    """Factors multiplied into the weights, and one bias for each output."""
    alpha, beta = node.attributes.get_float("alpha", 1.0), node.attributes.get_float("beta", 1.0)
    weight, bias, shape = constant(node, 1), constant(node, 2), static_shape(node.outputs[0])
    has_bias = len(node.inputs) > 2 and node.inputs[2] is not None
    if weight is None or (has_bias and bias is None) or len(shape) != 2:
        return False
    odd_bias = bias is not None and bias.shape != shape[1:] and (bias.ndim < 2 or bias.shape[0] == 1)
    lost = not has_bias and not node.attributes.get_int("transB", 0)  # pnnx counts its rows as a batch
    if alpha == 1 and (beta == 1 or not has_bias) and not odd_bias and not lost:
        return False
    name = node.outputs[0].name
    for attribute in ("alpha", "beta"):
        node.attributes.pop(attribute, None)
    node.replace_input_with(1, add_weight(graph, f"{name}_weight", weight * weight.dtype.type(alpha)))
    if lost:
        bias = np.zeros(shape[1:], weight.dtype)
        node.resize_inputs(3)
    if bias is not None:
        numbers = bias * bias.dtype.type(beta)
        rows = numbers.ndim == 2 and numbers.shape[0] > 1
        numbers = numbers if rows else np.broadcast_to(numbers.reshape(-1), shape[1:])
        node.replace_input_with(2, add_weight(graph, f"{name}_bias", numbers))
    return True


def _one_row(graph: ir.Graph, node: ir.Node) -> bool:
    """A row of numbers by Flatten, after which pnnx recognises a fully connected layer."""
    value, shape, result = node.inputs[0], static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if value is None or len(shape) < 3 or shape[0] != 1 or len(result) != 2 or result[0] != 1:
        return False
    new = Replacement(graph, node)
    return new.finish(new.add("Flatten", value, axis=1))


def _layer_norm(graph: ir.Graph, node: ir.Node) -> bool:
    """With a bias."""
    scale = constant(node, 1)
    if scale is None or (len(node.inputs) > 2 and node.inputs[2] is not None):
        return False
    node.resize_inputs(3)
    node.replace_input_with(2, add_weight(graph, f"{node.outputs[0].name}_bias", np.zeros_like(scale)))
    return True


def _average_pool(_: ir.Graph, node: ir.Node) -> bool:
    dilations = node.attributes.get_ints("dilations")
    if dilations is None or any(dilation != 1 for dilation in dilations):
        return False
    del node.attributes["dilations"]
    return True


def _cast(_: ir.Graph, node: ir.Node) -> bool:
    """No conversion between integers of what only an embedding looks up."""
    value, result = node.inputs[0], node.outputs[0]
    whole = (ir.DataType.INT32, ir.DataType.INT64)
    looked_up = all(use.node.op_type == "Gather" and use.idx == 1 for use in result.uses())
    if value is None or value.dtype not in whole or result.dtype not in whole or not looked_up:
        return False
    result.replace_all_uses_with(value)
    return not result.is_graph_output()


def _lp_normalization(graph: ir.Graph, node: ir.Node) -> bool:
    """Divided by the norm of the axis."""
    new, value, rank = Replacement(graph, node), node.inputs[0], len(static_shape(node.inputs[0]))
    if not rank or opset_of(graph) >= _REDUCTION_INPUTS_OPSET:
        return False
    axis = node.attributes.get_int("axis", -1) % rank
    norm = new.add(f"ReduceL{node.attributes.get_int('p', 2)}", value, axes=[axis], keepdims=1)
    return new.finish(new.add("Div", value, norm))


def _selu(graph: ir.Graph, node: ir.Node) -> bool:
    """Written out; ncnn's SELU is reached only without attributes."""
    if not node.attributes:
        return False
    new, value = Replacement(graph, node), node.inputs[0]
    elu = new.add("Elu", value, alpha=node.attributes.get_float("alpha", 1.67326319217681884765625))
    return new.finish(new.add("Mul", elu, new.constant(node.attributes.get_float("gamma", 1.05070102214813232421875))))


def _thresholded_relu(graph: ir.Graph, node: ir.Node) -> bool:
    new, value = Replacement(graph, node), node.inputs[0]
    above = new.add("Sub", value, new.constant(node.attributes.get_float("alpha", 1.0)))
    return new.finish(new.add("Mul", value, new.add("Relu", new.add("Sign", above))))


def _softsign(graph: ir.Graph, node: ir.Node) -> bool:
    new, value = Replacement(graph, node), node.inputs[0]
    return new.finish(
        new.add("Mul", value, new.add("Reciprocal", new.add("Add", new.add("Abs", value), new.constant(1))))
    )


def _shrink(graph: ir.Graph, node: ir.Node) -> bool:
    """Two rectified halves, each moved by the bias where it is not zero."""
    new, value = Replacement(graph, node), node.inputs[0]
    limit, bias = node.attributes.get_float("lambd", 0.5), node.attributes.get_float("bias", 0.0)
    above = new.add("Relu", new.add("Sign", new.add("Sub", value, new.constant(limit))))
    below = new.add("Relu", new.add("Sign", new.add("Sub", new.constant(-limit), value)))
    high = new.add("Mul", above, new.add("Sub", value, new.constant(bias)))
    return new.finish(new.add("Add", high, new.add("Mul", below, new.add("Add", value, new.constant(bias)))))


_RULES: dict[str, Callable[[ir.Graph, ir.Node], bool]] = {
    "Pad": _pad,
    "Gather": _gather,
    "Transpose": _transpose,
    "Split": _split,
    "Clip": _clip,
    "Gemm": _gemm,
    "Squeeze": _one_row,
    "Reshape": _one_row,
    "LayerNormalization": _layer_norm,
    "AveragePool": _average_pool,
    "Cast": _cast,
    "LpNormalization": _lp_normalization,
    "Selu": _selu,
    "ThresholdedRelu": _thresholded_relu,
    "Softsign": _softsign,
    "Shrink": _shrink,
}
