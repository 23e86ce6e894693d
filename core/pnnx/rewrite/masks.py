"""Masks and integer inputs as numbers: ncnn has neither booleans nor comparisons, and its Cast knows no integers.

What is true or false becomes 1 or 0, and an integer that is only cast or compared becomes a float. Integers that index
something (the words of a sentence) stay integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, add_weight, constant

_MOVES = frozenset(
    {"Unsqueeze", "Squeeze", "Reshape", "Expand", "Transpose", "Slice", "Identity", "Flatten", "Tile", "Split", "Pad"}
)
_COMPARISONS = frozenset({"Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"})
_LOGIC = frozenset({"Not", "And", "Or", "Xor"})
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Neg", "Abs", "Max", "Min", "Concat"})
_FLOATS = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE})


def numbers_for_masks(graph: ir.Graph) -> bool:
    """Turn what can be a float into one, the inputs of the model included.

    Args:
        graph: with the types of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    numbers = _convertible(graph)
    nodes = [node for node in graph if _concerns(node, numbers)]
    for node in nodes:
        _rewrite(graph, node, numbers)
    for value in numbers:
        value.type = ir.TensorType(ir.DataType.FLOAT)
    return bool(nodes)


def _data_inputs(node: ir.Node) -> Sequence[int]:
    """Which inputs are data: not shapes, axes or indices."""
    if node.op_type in _MOVES or node.op_type == "Cast":
        return [0]
    every = node.op_type in _COMPARISONS | _LOGIC | _ARITHMETIC or node.op_type == "Where"
    return range(len(node.inputs)) if every else []


def _is_whole(value: ir.Value | None) -> bool:
    return value is not None and value.dtype is not None and value.dtype not in _FLOATS


def _is_constant(value: ir.Value) -> bool:
    producer = value.producer()
    return value.const_value is not None or (producer is not None and producer.op_type == "Constant")


def _convertible(graph: ir.Graph) -> set[ir.Value]:
    """Integers and booleans that nobody needs as such; fewer in each round, until all that are left agree."""
    values = {value for node in graph for value in node.outputs} | set(graph.inputs)
    numbers = {value for value in values if _is_whole(value) and not _is_constant(value)}
    while True:
        kept = {value for value in numbers if _can_be_float(value, numbers)}
        if kept == numbers:
            return numbers
        numbers = kept


def _can_be_float(value: ir.Value, numbers: set[ir.Value]) -> bool:
    if value.is_graph_output():
        return False
    producer = value.producer()
    if producer is not None and not _agrees(producer, numbers):
        return False
    return all(use.idx in _data_inputs(use.node) and _agrees(use.node, numbers) for use in value.uses())


def _agrees(node: ir.Node, numbers: set[ir.Value]) -> bool:
    """Whether all data of a node are floats, constants or become floats."""
    if not _data_inputs(node) or node.domain not in ("", "ai.onnx"):
        return False
    data = [node.inputs[index] for index in _data_inputs(node)]
    return all(
        value is None or value in numbers or not _is_whole(value) or _is_constant(value)
        for value in (*data, *node.outputs)
    )


def _concerns(node: ir.Node, numbers: set[ir.Value]) -> bool:
    if node.op_type == "Where" and _agrees(node, numbers):
        return True
    return any(value in numbers for value in (*node.inputs, *node.outputs))


def _rewrite(graph: ir.Graph, node: ir.Node, numbers: set[ir.Value]) -> None:
    new = Replacement(graph, node)
    if node.op_type in _MOVES | _ARITHMETIC:
        for index in _data_inputs(node):
            numbers_there = constant(node, index)
            if numbers_there is not None:
                name = f"{node.outputs[0].name}_number{index}"
                node.replace_input_with(index, add_weight(graph, name, numbers_there.astype(np.float32)))
        return
    value = _cast(new, node, numbers) if node.op_type == "Cast" else _compute(new, node, list(_inputs(new, node)))
    is_number = node.outputs[0] in numbers
    numbers.discard(node.outputs[0])
    new.finish(value)
    if is_number:
        numbers.add(value)


def _inputs(new: Replacement, node: ir.Node) -> Iterator[ir.Value]:
    for index, value in enumerate(node.inputs):
        numbers = constant(node, index)
        if numbers is not None:
            limits = np.finfo(np.float32)
            yield new.constant(np.clip(numbers.astype(np.float32), limits.min, limits.max))  # 0 * infinity is NaN
        elif value is not None:
            yield value


def _cast(new: Replacement, node: ir.Node, numbers: set[ir.Value]) -> ir.Value:
    value, result = node.inputs[0], node.outputs[0]
    assert value is not None
    if result.dtype == ir.DataType.BOOL and value.dtype != ir.DataType.BOOL:
        return new.add("Abs", new.add("Sign", value))
    if result in numbers and value not in numbers:
        return new.add("Mul", new.add("Sign", value), new.add("Floor", new.add("Abs", value)))
    return new.add("Identity", value)


def _compute(new: Replacement, node: ir.Node, inputs: Sequence[ir.Value]) -> ir.Value:
    operator = node.op_type
    if operator == "Where":
        return _choose(new, node, *inputs)
    if operator == "Not":
        return _opposite(new, inputs[0])
    a, b = inputs
    if operator in ("Greater", "LessOrEqual"):
        greater = _greater(new, a, b)
        return greater if operator == "Greater" else _opposite(new, greater)
    if operator in ("Less", "GreaterOrEqual"):
        less = _greater(new, b, a)
        return less if operator == "Less" else _opposite(new, less)
    if operator == "Equal":
        return _opposite(new, new.add("Abs", new.add("Sign", new.add("Sub", a, b))))
    if operator == "Xor":
        return new.add("Abs", new.add("Sub", a, b))
    return new.add("Mul" if operator == "And" else "Max", a, b)


def _greater(new: Replacement, a: ir.Value, b: ir.Value) -> ir.Value:
    return new.add("Relu", new.add("Sign", new.add("Sub", a, b)))


def _opposite(new: Replacement, value: ir.Value) -> ir.Value:
    return new.add("Sub", new.constant(1), value)


def _choose(new: Replacement, node: ir.Node, mask: ir.Value, yes: ir.Value, no: ir.Value) -> ir.Value:
    """A product with the mask and one with its opposite; a sum with differences would round."""
    flags = constant(node, 0)
    opposite = _opposite(new, mask) if flags is None else new.constant(1 - flags.astype(np.float32))
    parts = [
        new.add("Mul", value, factor)
        for index, value, factor in ((1, yes, mask), (2, no, opposite))
        if (numbers := constant(node, index)) is None or numbers.any()
    ]
    return parts[0] if len(parts) == 1 else new.add("Add", *parts)
