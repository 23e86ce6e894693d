"""Tensors inside an ONNX model, read by making them outputs; in groups, so that memory stays bounded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import onnx
from onnx import helper

from core.onnx_model.graph import names_read, set_outputs
from core.onnx_model.links import Links
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

_VALUE_BYTES = 4
_SHAPE = "__shape_of_"


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The part of a model that computes these tensors, with these as its outputs.

    Args:
        model: is not changed.
        names: of tensors of the main graph that nodes make.
    """
    graph = model.graph
    needed = [graph.node[index] for index in sorted(Links(graph).ancestors(names))]
    read = {name for node in needed for name in names_read(node)}
    part = onnx.ModelProto(ir_version=model.ir_version)
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    part.graph.name = graph.name
    part.graph.node.extend(needed)
    part.graph.input.extend(graph.input)
    part.graph.initializer.extend(tensor for tensor in graph.initializer if tensor.name in read)
    part.graph.sparse_initializer.extend(tensor for tensor in graph.sparse_initializer if tensor.values.name in read)
    set_outputs(part, names)
    return part


def tensor_sizes(model: onnx.ModelProto, names: Sequence[str], feeds: Feeds) -> dict[str, int]:
    """Number of values of each tensor; arguments and errors as in :func:`tensor_shapes`."""
    return {name: math.prod(shape) for name, shape in tensor_shapes(model, names, feeds).items()}


def tensor_shapes(model: onnx.ModelProto, names: Sequence[str], feeds: Feeds) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor, by one run that gives nothing else.

    Args:
        model: is not changed.
        names: of tensors of the main graph that nodes make.
        feeds: one sample.

    Raises:
        ConversionError: onnxruntime does not load or run it.
    """
    probe = with_outputs(model, names)
    shapes = {_SHAPE + name: name for name in names}
    probe.graph.node.extend(helper.make_node("Shape", [name], [shape]) for shape, name in shapes.items())
    set_outputs(probe, list(shapes))
    # Its optimiser would take the shapes that it infers, which are wrong for some poolings with ceil_mode.
    predictor = OnnxPredictor(probe, threads=1, optimize=False, low_memory=True)  # it runs Shape nodes first
    try:
        found = predictor.run(feeds)
    finally:
        predictor.close()
    return {name: tuple(found[shape].tolist()) for shape, name in shapes.items()}


def in_groups(names: Iterable[str], sizes: Mapping[str, int], limit: int) -> list[list[str]]:
    """Neighbours together as long as they fit; a tensor above the limit is a group of its own.

    Args:
        names: in the order of the graph.
        sizes: number of values of each.
        limit: in bytes of 32-bit values.
    """
    groups: list[list[str]] = []
    free = 0
    for name in names:
        if not groups or sizes[name] > free:
            groups.append([])
            free = limit // _VALUE_BYTES
        groups[-1].append(name)
        free -= sizes[name]
    return groups
