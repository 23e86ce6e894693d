"""What one run of a model costs, counted from its file alone: multiplications, and numbers handed from step to step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from core.onnx_model.graph import replace_nodes
from core.onnx_model.inline_functions import inline_functions

_Shapes: TypeAlias = Mapping[str, tuple[int, ...]]

_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})
_NEVER = frozenset({"If", "Loop", "Scan", "RandomNormal", "RandomUniform", "Bernoulli", "Multinomial"})
_ROUNDS = 40
_SMALL = 64
"""Numbers up to which a constant may be a shape, and is needed to know the shapes behind it."""

_SIDE, _LENGTH = 224, 128
"""Stand in for free heights and widths of pictures, and for all other free lengths."""


@dataclass(frozen=True)
class Cost:
    """Of one run, with one sample."""

    products: int
    """Multiplications in convolutions and matrix products."""

    values: int
    """Numbers that all steps together give out."""


def cost_of(path: Path, size: tuple[int, int] | None = None) -> Cost:
    """Count; what depends on values that only a run tells is left out, so that this is a lower bound.

    Args:
        path: an ONNX file that can be read.
        size: height and width of the pictures, where the model leaves them free.
    """
    return _counted(path, path.stat().st_mtime_ns, size or (_SIDE, _SIDE))


@lru_cache(maxsize=16)
def _counted(path: Path, _changed: int, size: tuple[int, int]) -> Cost:
    model = inline_functions(onnx.load(str(path), load_external_data=False))
    _drop_weights(model.graph)
    _fill_shapes(model.graph, size)
    graph = _inferred(model).graph
    shapes = dict(_known_shapes(graph))
    return Cost(
        products=sum(_counts(node, shapes) for node in graph.node if node.op_type in _PRODUCTS),
        values=sum(math.prod(shapes[name]) for node in graph.node for name in node.output if name in shapes),
    )


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """With the shapes of all tensors, as far as they can be known.

    Exporters compute sizes in the graph, which onnx's inference does not follow; so steps on small constants, and
    shapes that have become known, are computed in turn until there is nothing new.
    """
    known: dict[str, NDArray[Any]] = {}
    for _ in range(_ROUNDS):
        try:
            inferred = shape_inference.infer_shapes(model, data_prop=True)
        except (RuntimeError, ValueError):  # shapes that contradict each other, or more than 2 GB
            return model
        found = _computed(inferred.graph, known)
        if not found:
            return inferred
        known |= found
        model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in found.items())
        nodes = [node for node in model.graph.node if not set(node.output) & set(found)]
        replace_nodes(model.graph, nodes)
    return inferred


def _computed(graph: onnx.GraphProto, known: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The values of steps that work on small constants."""
    shapes = dict(_known_shapes(graph))
    values = dict(known)
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= _SMALL and tensor.name not in values:
            with suppress(ValueError, TypeError, KeyError):  # a damaged constant is not known
                values[tensor.name] = numpy_helper.to_array(tensor)
    found: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        value = _value(node, shapes, values)
        if value is not None and value.size <= _SMALL:
            found[node.output[0]] = values[node.output[0]] = value
    return found


def _value(node: onnx.NodeProto, shapes: _Shapes, values: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
        return np.array(shapes[node.input[0]], np.int64)
    if node.domain not in ("", "ai.onnx") or len(node.output) != 1 or node.op_type in _NEVER:
        return None
    if not all(name in values for name in node.input if name):
        return None
    try:
        (value,) = ReferenceEvaluator(node).run(None, {name: values[name] for name in node.input if name})
    except Exception:  # noqa: BLE001 - what cannot be computed here stays unknown, whatever the reason
        return None
    return np.asarray(value)


def _drop_weights(graph: onnx.GraphProto) -> None:
    """Keep the shapes of large constants only: inference then takes milliseconds, and needs no external data."""
    constants = [attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in (*graph.initializer, *constants):
        if math.prod(tensor.dims) > _SMALL or tensor.data_location == TensorProto.EXTERNAL:
            for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "external_data"):
                tensor.ClearField(field)
            tensor.ClearField("data_location")


def _fill_shapes(graph: onnx.GraphProto, size: tuple[int, int]) -> None:
    """Give every free dimension of the inputs a size; what the file says of shapes inside held for free ones."""
    weights = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in weights:
            continue
        for axis, dim in enumerate(dims):
            if dim.dim_value <= 0:
                dim.dim_value = _filling(axis, len(dims), size, last=dims[-1].dim_value)
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def _filling(axis: int, rank: int, size: tuple[int, int], *, last: int) -> int:
    if axis == 0:
        return 1
    if rank != 4:
        return _LENGTH
    first = 1 if last in (1, 3) else 2  # colours last, as in TensorFlow
    return size[axis - first] if axis - first in (0, 1) else 3


def _known_shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(
            dim.dim_value >= 0 and dim.HasField("dim_value") for dim in dims
        ):
            yield value.name, tuple(dim.dim_value for dim in dims)
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)


def _counts(node: onnx.NodeProto, shapes: _Shapes) -> int:
    try:
        return _products(node, shapes)
    except IndexError:  # fewer axes or inputs than the operator needs: a damaged file
        return 0


def _products(node: onnx.NodeProto, shapes: _Shapes) -> int:
    given, weight = (shapes.get(name, ()) for name in (*node.input, "", "")[:2])
    output = shapes.get(node.output[0], ())
    if not (given and weight and output):
        return 0
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(given) * math.prod(weight[1:])
    if node.op_type in ("LSTM", "GRU", "RNN"):
        return given[0] * given[1] * (math.prod(weight) + math.prod(shapes.get(node.input[2], ())))
    inner = given[0] if _is_turned(node) else given[-1]
    return math.prod(output) * inner


def _is_turned(node: onnx.NodeProto) -> bool:
    """Whether a Gemm has its inputs' axis first."""
    return any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
