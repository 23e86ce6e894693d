"""Infer the shapes of a model's tensors from the file alone, through sizes that are computed in the graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from core.common.memory import at_most_more
from core.onnx_model.graph import ONNX_DOMAINS, all_graphs, compacted, replace_nodes

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Tensor name -> its sizes."""

PartialShape: TypeAlias = tuple[int | None, ...]
"""Sizes of a tensor, None where they are free."""

_ELEMENTWISE = frozenset(
    {"Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Clip", "Div", "Equal", "Exp", "Floor", "Greater"}
    | {"GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mod", "Mul"}
    | {"Neg", "Not", "Or", "Pow", "Reciprocal", "Round", "Sign", "Sqrt", "Sub", "Sum", "Where", "Xor"}
)
"""Operators whose results have the size to which their inputs are broadcast."""

_MOVING = frozenset(
    {"ArgMax", "ArgMin", "Concat", "Constant", "CumSum", "Flatten", "Gather", "GatherElements"}
    | {"GatherND", "NonZero", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape"}
    | {"ScatterElements", "ScatterND", "Shape", "Size", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
)
"""Operators whose results have no more numbers than their inputs together, or than these multiplied."""

_GROWING = frozenset({"ConstantOfShape", "Expand", "Range", "Tile"})
"""Operators that make any number of numbers out of a few."""

_SHAPED = frozenset({"ConstantOfShape", "Expand", "Reshape"})
"""Operators whose results have as many axes as there are numbers in one of their inputs."""

_FOLDED = _ELEMENTWISE | _MOVING | _GROWING

_MAX_PASSES = 40
_MAX_VALUES = 100_000
"""Of one tensor, that onnx's shape inference may write out while it follows sizes; real ones have a few dozen."""

_MAX_BYTES = 100_000_000
"""Memory that it may take for that, since lists grow in more ways than are counted here."""

_INFERENCE_ERRORS = (RuntimeError, ValueError, MemoryError, shape_inference.InferenceError)
"""Shapes that contradict each other, damaged nodes, more than 2 GB, or too much memory."""

MAX_SHAPE_ELEMENTS = 64
"""Size up to which a constant may be a shape that later shapes are computed from."""

SIDE = 224
"""Assumed for free heights and widths of images."""

_LENGTH = 128
"""Assumed for all other free dimensions."""


def infer_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes of its tensors, as far as they can be inferred.

    Exporters compute sizes in the graph, which onnx's shape inference does not follow; so shape inference and
    constant folding of small tensors alternate until nothing new is found. Folded tensors become initializers.

    Args:
        model: with the sizes of its inputs fixed; may be changed.
    """
    known: dict[str, NDArray[Any]] = {}
    for _ in range(_MAX_PASSES):
        try:
            inferred = _inferred(model)
        except _INFERENCE_ERRORS:
            return model
        found = _folded(inferred.graph, known)
        if not found:
            return inferred
        known |= found
        model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in found.items())
        nodes = [node for node in model.graph.node if not set(node.output) & set(found)]
        replace_nodes(model.graph, nodes)
    return inferred


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """With the values of sizes followed through the graph, where these are short lists, and without otherwise."""
    if longest_value(model.graph) <= _MAX_VALUES:
        with suppress(*_INFERENCE_ERRORS), at_most_more(_MAX_BYTES + 2 * model.ByteSize()):
            return shape_inference.infer_shapes(model, data_prop=True)
    return shape_inference.infer_shapes(model)


def longest_value(graph: onnx.GraphProto) -> float:
    """How many numbers onnx would write out for one tensor, where it follows the values of sizes through the graph.

    A Range of three small constants may stand for ten billion numbers, and so may a chain of Concats.
    """
    return max(map(_longest_of_one, all_graphs(graph)), default=0)


def _longest_of_one(graph: onnx.GraphProto) -> float:
    constants = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) <= 1}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            constants.update((node.output[0], attribute.t) for attribute in node.attribute if attribute.HasField("t"))
    lengths: dict[str, float] = {name: math.prod(tensor.dims) for name, tensor in constants.items()}
    for value in graph.input:
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) == 1:
            lengths.setdefault(value.name, max(1, dimensions[0].dim_value))
    axes = _most_axes(graph)
    for node in graph.node:
        given = [lengths[name] for name in node.input if name in lengths]
        if node.op_type in _SHAPED:
            axes = max([axes, *given])
        if node.op_type == "Shape":
            lengths.update(dict.fromkeys(node.output, axes))
        elif given and len(given) == sum(map(bool, node.input)):  # what else an input of the model gives is no list
            lengths.update(dict.fromkeys(node.output, _list_length(node, given, constants)))
    return max(lengths.values(), default=0)


def _list_length(node: onnx.NodeProto, given: list[float], constants: Mapping[str, TensorProto]) -> float:
    """Most numbers that a node makes out of lists of these lengths."""
    if node.op_type == "Gather" and len(given) == 2 and node.input[1] in constants:
        return given[1]
    if node.op_type == "Range" and all(name in constants for name in node.input):
        return _range_length([constants[name] for name in node.input])
    if node.op_type == "Slice":
        return min(given[0], _slice_length(node, constants))
    return sum(given) if node.op_type == "Concat" else max(given)


def _most_axes(graph: onnx.GraphProto) -> float:
    """Number of axes that no tensor exceeds, unless it is made with a list of sizes."""
    lengths = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        constants = [attribute.t for attribute in node.attribute if node.op_type == "Constant"]
        lengths.update((output, math.prod(tensor.dims)) for output, tensor in zip(node.output, constants, strict=False))
    declared = [len(value.type.tensor_type.shape.dim) for value in (*graph.input, *graph.value_info)]
    added = 0
    for node in graph.node:
        if node.op_type == "Unsqueeze":
            axes = sum(len(attribute.ints) for attribute in node.attribute)
            added += axes or (lengths.get(node.input[1], MAX_SHAPE_ELEMENTS) if len(node.input) > 1 else 1)
    return added + max([MAX_SHAPE_ELEMENTS, *declared, *(len(tensor.dims) for tensor in graph.initializer)])


def _range_length(tensors: list[TensorProto]) -> float:
    with suppress(ValueError, TypeError, KeyError, IndexError, ZeroDivisionError):
        start, limit, step = (float(numpy_helper.to_array(tensor).reshape(-1)[0]) for tensor in tensors)
        return abs((limit - start) / step)
    return 0


def _slice_length(node: onnx.NodeProto, constants: Mapping[str, TensorProto]) -> float:
    """Most numbers that a Slice takes out of a list; infinite where that is not known."""
    with suppress(ValueError, TypeError, KeyError, IndexError):
        limits: Mapping[str, Any] = {attribute.name: attribute.ints for attribute in node.attribute}
        if len(node.input) > 2:
            names = zip(("starts", "ends"), node.input[1:3], strict=True)
            limits = {limit: numpy_helper.to_array(constants[name]) for limit, name in names}
        (start,), (end,) = limits["starts"], limits["ends"]
        if (start < 0) == (end < 0):  # counted from the same end
            return abs(int(end) - int(start))
    return math.inf


def _folded(graph: onnx.GraphProto, known: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Output name -> value, for the nodes whose inputs are small constants or values ``known`` from earlier passes."""
    shapes = dict(known_shapes(graph))
    values = dict(known)
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= MAX_SHAPE_ELEMENTS and tensor.name not in values:
            with suppress(ValueError, TypeError, KeyError):  # a damaged constant stays unknown
                values[tensor.name] = numpy_helper.to_array(tensor)
    sizes = dict(_sizes_of_shapes(graph))
    found: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        value = _picked_sizes(node, sizes, values)
        value = _value(node, shapes, values) if value is None else value
        if value is not None and value.size <= MAX_SHAPE_ELEMENTS:
            found[node.output[0]] = values[node.output[0]] = value
    return found


def _sizes_of_shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, PartialShape]]:
    """Output of each Shape node -> the sizes in it, of which some may be unknown."""
    shapes = dict(partial_shapes(graph))
    for node in graph.node:
        if node.op_type == "Shape" and node.domain in ONNX_DOMAINS and node.input[0] in shapes:
            limits = {attribute.name: attribute.i for attribute in node.attribute}
            yield node.output[0], shapes[node.input[0]][limits.get("start", 0) : limits.get("end")]


def _picked_sizes(
    node: onnx.NodeProto, sizes: Mapping[str, PartialShape], values: Mapping[str, NDArray[Any]]
) -> NDArray[Any] | None:
    """The known ones among the sizes of a tensor, where only those are read: its channels, but not its batch."""
    picked: PartialShape | None = None
    if node.op_type == "Shape":
        picked = sizes.get(node.output[0])
    elif node.input and node.input[0] in sizes and all(name in values for name in node.input[1:] if name):
        picked = _read_sizes(node, sizes[node.input[0]], [values[name] for name in node.input[1:] if name])
    if picked is None or any(size is None for size in picked):
        return None
    shape = values[node.input[1]].shape if node.op_type == "Gather" else (len(picked),)
    return np.array(picked, np.int64).reshape(shape)


def _read_sizes(node: onnx.NodeProto, sizes: PartialShape, given: list[NDArray[Any]]) -> PartialShape | None:
    try:
        if node.op_type == "Gather":
            return tuple(sizes[int(index)] for index in given[0].flat)
        if node.op_type == "Slice" and len(given) in (2, 3):
            return sizes[int(given[0].item()) : int(given[1].item())]
    except (IndexError, ValueError):  # beyond the axes, or several axes: a damaged file
        return None
    return None


def _value(node: onnx.NodeProto, shapes: Shapes, values: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
        return np.array(shapes[node.input[0]], np.int64)
    if node.domain not in ONNX_DOMAINS or len(node.output) != 1 or node.op_type not in _FOLDED:
        return None
    if not all(name in values for name in node.input if name):
        return None
    given = {name: values[name] for name in node.input if name}
    try:
        if _result_size(node, list(given.values())) > _MAX_VALUES:
            return None
        (value,) = ReferenceEvaluator(node).run(None, given)
    except Exception:  # noqa: BLE001 - the reference evaluator raises anything; the value stays unknown
        return None
    return np.asarray(value)


def _result_size(node: onnx.NodeProto, given: list[NDArray[Any]]) -> float:
    """How many numbers a node makes, before it makes them.

    Raises:
        ValueError, IndexError, ZeroDivisionError: its inputs do not fit it.
    """
    if node.op_type == "ConstantOfShape":
        return math.prod(map(int, given[0].flat))
    if node.op_type == "Expand":
        return math.prod(np.broadcast_shapes(given[0].shape, tuple(map(int, given[1].flat))))
    if node.op_type == "Tile":
        return given[0].size * math.prod(map(int, given[1].flat))
    if node.op_type == "Range":
        start, limit, step = (float(value.item()) for value in given)
        return abs((limit - start) / step)
    if node.op_type in _ELEMENTWISE:
        return math.prod(np.broadcast_shapes(*(value.shape for value in given)))
    return 0


def drop_data(graph: onnx.GraphProto) -> None:
    """Drop the data of large constants: shape inference then takes milliseconds, and needs no external data."""
    constants = [attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in (*graph.initializer, *constants):
        if math.prod(tensor.dims) > MAX_SHAPE_ELEMENTS or tensor.data_location == TensorProto.EXTERNAL:
            for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "external_data"):
                tensor.ClearField(field)
            tensor.ClearField("data_location")


def without_data(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without the data of large constants, and without the memory that they took.

    Args:
        model: may be changed.
    """
    drop_data(model.graph)
    return compacted(model)


def assume_sizes(graph: onnx.GraphProto, size: tuple[int, int]) -> None:
    """Fix every free dimension of the inputs, and drop the recorded shapes, which were those of free dimensions."""
    weights = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in weights:
            continue
        for axis, dim in enumerate(dims):
            if dim.dim_value <= 0:
                dim.dim_value = _assumed_size(axis, len(dims), size, last=dims[-1].dim_value)
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def _assumed_size(axis: int, rank: int, size: tuple[int, int], *, last: int) -> int:
    if axis == 0:
        return 1
    if rank != 4:
        return _LENGTH
    first = 1 if last in (1, 3) else 2  # NHWC, as in TensorFlow
    return size[axis - first] if axis - first in (0, 1) else 3


def fix_sizes(graph: onnx.GraphProto, sizes: Shapes) -> None:
    """Give the inputs these sizes, and drop the recorded shapes, which were those of free dimensions."""
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in sizes and len(dims) == len(sizes[value.name]):
            for dim, size in zip(dims, sizes[value.name], strict=True):
                dim.dim_value = size
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")


def partial_shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, PartialShape]]:
    """Name and sizes of every tensor of the main graph whose number of axes is known; free sizes are None."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            yield value.name, tuple(int(dim.dim_value) if dim.HasField("dim_value") else None for dim in dims)
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)


def known_shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and sizes of every tensor of the main graph whose sizes are all known."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(
            dim.dim_value >= 0 and dim.HasField("dim_value") for dim in dims
        ):
            yield value.name, tuple(dim.dim_value for dim in dims)
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)
