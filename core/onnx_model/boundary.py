"""Find where a model's post-processing begins: the last tensors whose values keep their places.

What TopK or NonMaxSuppression pick changes places with the slightest change of a score, ncnn has nothing for it, and
there are no weights after it. Before it there are tensors of a fixed order, such as all boxes and all scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from core.onnx_model.graph import ONNX_DOMAINS, all_nodes, subgraphs
from core.onnx_model.links import Links
from core.onnx_model.shapes import known_shapes
from core.onnx_model.source import TensorInfo

SELECTING = frozenset({"TopK", "NonMaxSuppression", "NonZero", "Unique", "Compress"})
"""Operators that pick or sort by value: places or sizes of what they give depend on the values."""

INDEXING = frozenset(
    {"GatherElements", "GatherND", "ScatterElements", "ScatterND", "Where", "Mod", "OneHot", "ArgMax", "ArgMin"}
)
"""Operators by which picked things are looked up, for which ncnn has nothing either."""

_WITH_WEIGHTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "DeformConv", "Einsum"})

_MIN_WEIGHTS = 64
"""A node with more constants than this has weights; fewer are a change of coordinates, as of centres to corners."""

_MAX_WEIGHT_SHARE = 0.05
"""Share of all weights that may be in the post-processing, such as anchor boxes."""

_MAX_AXES = 5
"""Of a tensor that ncnn can hold, batch axis included."""

_MAX_ABSORBED = 8
"""Nodes between two boundary tensors, at most, for the later one to be computed from the earlier one."""


@dataclass(frozen=True)
class Boundary:
    """The tensors between a model's heavy part and its post-processing."""

    tensors: tuple[TensorInfo, ...]
    """float32 with a batch axis of 1 and all sizes known, in the order in which they are made."""

    outputs: tuple[str, ...]
    """The model's outputs that are computed from them."""

    after: frozenset[str]
    """All tensors that the post-processing computes."""


def selects(model: onnx.ModelProto) -> bool:
    """Whether any operator of the model picks or sorts, subgraphs included."""
    return any(node.op_type in SELECTING and node.domain in ONNX_DOMAINS for node in all_nodes(model.graph))


def find_boundary(model: onnx.ModelProto) -> Boundary | None:
    """Find the post-processing: all that depends on picking, and before it what no convolution is needed for.

    Args:
        model: with inferred shapes; the data of its large constants may be missing.

    Returns:
        None where nothing is picked after the last weights, or the parts cannot be divided at such tensors.
    """
    return _BoundarySearch(model.graph).find()


class _BoundarySearch:
    """Grows the post-processing, a set of nodes, from what certainly belongs to it.

    Args:
        graph: as in :func:`find_boundary`.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._links = Links(graph)
        self._kinds = _element_types(graph)
        self._shapes = dict(known_shapes(graph))
        self._sizes: dict[str, int] = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
        self._constants = self._find_constants()
        self._heavy = {index for index, node in enumerate(graph.node) if self._has_weights(index, node)}
        self._before_heavy = self._links.ancestors(name for index in self._heavy for name in graph.node[index].output)
        self._after: set[int] = set()
        """The post-processing so far."""

    def find(self) -> Boundary | None:
        nodes = [index for index, _ in enumerate(self._graph.node) if self._may_be_after(index)]
        if not any(_selects(self._graph.node[index]) for index in nodes):
            return None
        self._after = self._links.descendants(index for index in nodes if self._belongs_after(index))
        names = self._grow()
        if not names or not self._heavy:
            return None
        names = self._absorb(names)
        if self._weight_share() > _MAX_WEIGHT_SHARE:
            return None
        made = [name for node in self._graph.node for name in node.output]
        ordered = sorted(names, key=made.index)
        outputs = tuple(value.name for value in self._graph.output if self._is_after(value.name))
        after = frozenset(name for index in self._after for name in self._graph.node[index].output if name)
        return Boundary(tuple(TensorInfo(name, self._shapes[name], "float32") for name in ordered), outputs, after)

    def _grow(self) -> set[str] | None:
        """Grow upwards until a boundary of the right kind of tensors is reached; None at a node with weights."""
        while True:
            names = self._boundary()
            unfit = {self._links.producers[name] for name in names if not self._fits(name)}
            if not unfit:
                return names
            if unfit & self._heavy:
                return None
            self._after |= unfit

    def _absorb(self, names: set[str]) -> set[str]:
        """Leave out what can be computed from the other boundary tensors, such as the best score of all classes."""
        outputs = {value.name for value in self._graph.output}
        for name in sorted(names - outputs, key=lambda name: (-self._links.producers[name], name)):
            others = (names - {name}) | self._constants
            nodes = self._links.ancestors([name], stop=others)
            given = {read for index in nodes for read in self._links.reads[index]}
            if (
                len(nodes) <= _MAX_ABSORBED
                and not nodes & self._heavy
                and all(read in others or self._links.producers.get(read) in nodes for read in given)
            ):
                self._after |= nodes
                names = names - {name}
        return names

    def _boundary(self) -> set[str]:
        """What the post-processing reads of the part before it."""
        return {
            name
            for index in self._after
            for name in self._links.reads[index]
            if name not in self._constants and self._links.producers.get(name, index) not in self._after
        }

    def _fits(self, name: str) -> bool:
        shape = self._shapes.get(name, ())
        return (
            self._kinds.get(name) == TensorProto.FLOAT
            and 2 <= len(shape) <= _MAX_AXES
            and shape[0] == 1
            and math.prod(shape) > 0
        )

    def _may_be_after(self, index: int) -> bool:
        return index not in self._before_heavy and not self._constants.issuperset(self._graph.node[index].output)

    def _belongs_after(self, index: int) -> bool:
        """Whether it picks, looks up, or computes with anything but float32."""
        node = self._graph.node[index]
        if _selects(node) or node.op_type in INDEXING:
            return True
        read = {name for name in node.input if name} - self._constants
        return any(self._kinds.get(name) != TensorProto.FLOAT for name in (*read, *filter(None, node.output)))

    def _is_after(self, name: str) -> bool:
        return self._links.producers.get(name) in self._after

    def _has_weights(self, index: int, node: onnx.NodeProto) -> bool:
        inner = [inner for graph in subgraphs(node) for inner in all_nodes(graph)]
        kinds = {each.op_type for each in (node, *inner)}
        if not _WITH_WEIGHTS & kinds and all(each.domain in ONNX_DOMAINS for each in (node, *inner)):
            return False
        inside = sum(int(math.prod(tensor.dims)) for graph in subgraphs(node) for tensor in graph.initializer)
        largest = max((self._sizes.get(name, 0) for name in self._links.reads[index]), default=0)
        return max(inside, largest) > _MIN_WEIGHTS

    def _find_constants(self) -> set[str]:
        """Initializers, and what is computed from nothing else."""
        constants = {tensor.name for tensor in self._graph.initializer}
        constants |= {tensor.values.name for tensor in self._graph.sparse_initializer}
        for index, node in enumerate(self._graph.node):
            if not any(subgraphs(node)) and constants.issuperset(self._links.reads[index]):
                constants.update(node.output)
                self._sizes.update({name: math.prod(self._shapes.get(name, ())) for name in node.output})
        return constants

    def _weight_share(self) -> float:
        made_by_constants = {name for node in self._graph.node if node.op_type == "Constant" for name in node.output}
        stored = made_by_constants | {tensor.name for tensor in self._graph.initializer}
        sizes = {name: self._sizes[name] for name in stored if self._kinds.get(name) == TensorProto.FLOAT}
        inside = {name for index in self._after for name in self._links.reads[index]}
        return sum(sizes.get(name, 0) for name in inside) / max(1, sum(sizes.values()))


def _selects(node: onnx.NodeProto) -> bool:
    """Whether it picks by itself or in a branch of it."""
    inner = (each for graph in subgraphs(node) for each in all_nodes(graph))
    return any(each.op_type in SELECTING and each.domain in ONNX_DOMAINS for each in (node, *inner))


def _element_types(graph: onnx.GraphProto) -> Mapping[str, int]:
    return dict(_each_element_type(graph))


def _each_element_type(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type:
            yield value.name, value.type.tensor_type.elem_type
    for tensor in graph.initializer:
        yield tensor.name, tensor.data_type
