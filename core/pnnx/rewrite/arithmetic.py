"""Max, Min, Sum and Mean of any number of tensors, of which pnnx knows those of two (and drops the third silently)."""

from __future__ import annotations

import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, constant

_PAIRS = {"Max": "Max", "Min": "Min", "Sum": "Add", "Mean": "Add"}
_MAX_POWER = 8


def split_into_pairs(graph: ir.Graph) -> bool:
    """Chain such operators from pairs, and whole powers from products: ncnn's power of a negative number is NaN.

    Args:
        graph: it is changed.

    Returns:
        Whether there was any.
    """
    changed = False
    for node in tuple(graph):
        if node.op_type in _PAIRS and (len(node.inputs) != 2 or node.op_type in ("Mean", "Sum")):
            changed |= _chain(graph, node)
        elif node.op_type == "Pow":
            changed |= _multiply(graph, node)
    return changed


def _chain(graph: ir.Graph, node: ir.Node) -> bool:
    new = Replacement(graph, node)
    first, *others = (value for value in node.inputs if value is not None)
    for other in others:
        first = new.add(_PAIRS[node.op_type], first, other)
    if node.op_type == "Mean" and others:
        first = new.add("Mul", first, new.constant(1 / len(node.inputs)))
    return new.finish(first)


def _multiply(graph: ir.Graph, node: ir.Node) -> bool:
    exponent, base = constant(node, 1), node.inputs[0]
    if exponent is None or exponent.size != 1 or base is None or base.dtype != ir.DataType.FLOAT:
        return False
    power = float(exponent.reshape(-1)[0])
    if power in (0.5, 2) or power != round(power) or not 1 <= abs(power) <= _MAX_POWER:
        return False
    new = Replacement(graph, node)
    product = base
    for _ in range(int(abs(power)) - 1):
        product = new.add("Mul", product, base)
    return new.finish(new.add("Reciprocal", product) if power < 0 else product)
