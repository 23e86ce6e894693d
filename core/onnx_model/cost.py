"""The cost of one inference, counted from the file alone: multiply-accumulates (MACs) and activations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import onnx

from core.onnx_model.external_data import load_structure
from core.onnx_model.graph import copy_model
from core.onnx_model.shapes import (
    MAX_SHAPE_ELEMENTS,
    SIDE,
    Shapes,
    assume_sizes,
    fix_sizes,
    infer_shapes,
    known_shapes,
    without_data,
)

_MAC_OPERATORS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})


@dataclass(frozen=True)
class Cost:
    """Of one inference with one sample."""

    macs: int
    """Multiply-accumulates in convolutions, matrix products and recurrent layers."""

    activations: int
    """Elements in the outputs of all nodes together."""


def cost_of(path: Path, size: tuple[int, int] | None = None) -> Cost:
    """Count; a lower bound, since tensors whose shape is known only at run time are left out.

    Args:
        path: an ONNX file that can be read.
        size: height and width of the images, where the model leaves them free.
    """
    return _cached_cost(path, path.stat().st_mtime_ns, size or (SIDE, SIDE))


@lru_cache(maxsize=16)
def _cached_cost(path: Path, _changed: int, size: tuple[int, int]) -> Cost:
    model = without_data(load_structure(path, most_elements=MAX_SHAPE_ELEMENTS))
    assume_sizes(model.graph, size)
    return _counted(model)[0]


def cost_by_node(model: onnx.ModelProto, sizes: Shapes) -> tuple[Cost, dict[str, int]]:
    """The cost of a model in memory, and the multiply-accumulates of each node with weights, by its name.

    Those are 0 where shapes are not known before it runs.

    Args:
        model: is not changed.
        sizes: of its inputs.
    """
    copy = without_data(copy_model(model))
    fix_sizes(copy.graph, sizes)
    return _counted(copy)


def _counted(model: onnx.ModelProto) -> tuple[Cost, dict[str, int]]:
    graph = infer_shapes(model).graph
    shapes = dict(known_shapes(graph))
    macs = [(node.name, _macs_or_0(node, shapes)) for node in graph.node if node.op_type in _MAC_OPERATORS]
    outputs = [name for node in graph.node for name in node.output if name in shapes]
    return Cost(sum(count for _, count in macs), sum(math.prod(shapes[name]) for name in outputs)), dict(macs)


def _macs_or_0(node: onnx.NodeProto, shapes: Shapes) -> int:
    try:
        return _macs(node, shapes)
    except IndexError:  # fewer axes or inputs than the operator needs: a damaged file
        return 0


def _macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    data, weight = (shapes.get(name, ()) for name in (*node.input, "", "")[:2])
    output = shapes.get(node.output[0], ())
    if not (data and weight and output):
        return 0
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(data) * math.prod(weight[1:])
    if node.op_type in ("LSTM", "GRU", "RNN"):
        return data[0] * data[1] * (math.prod(weight) + math.prod(shapes.get(node.input[2], ())))
    inner = data[0] if _is_transposed(node) else data[-1]
    return math.prod(output) * inner


def _is_transposed(node: onnx.NodeProto) -> bool:
    """Whether a Gemm transposes its first input."""
    return any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
