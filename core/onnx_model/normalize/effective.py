"""The operators that are left of a file once it is rewritten and its constants are folded; nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from core.onnx_model.external_data import load_structure
from core.onnx_model.graph import ONNX_DOMAINS, all_nodes, copy_model
from core.onnx_model.links import Links
from core.onnx_model.normalize.branches import BRANCHING, fold_branches
from core.onnx_model.normalize.dequantize import dequantize
from core.onnx_model.normalize.edit import is_plain
from core.onnx_model.normalize.fused import unfuse
from core.onnx_model.normalize.resize import later_resize
from core.onnx_model.shapes import MAX_SHAPE_ELEMENTS, SIDE, assume_sizes, drop_data, infer_shapes, without_data
from core.onnx_model.source import Source

_OF_DATA_DEPENDENT_SIZE = frozenset(
    {"NonZero", "NonMaxSuppression", "Unique", "Compress", "TopK", "Loop", "If", "Scan", "Range", "SequenceAt"}
)
"""Sizes of what they give may depend on values, and sizes of all that follows."""

_RANDOM_OPERATORS = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)


@dataclass(frozen=True)
class EffectiveOperators:
    """Operators whose results depend on the values of inputs; those of other domains as ``domain::name``."""

    everywhere: frozenset[str]
    """Those in branches and loops, too."""

    outside: frozenset[str]
    """Only those of the main graph."""

    has_open_branches: bool = False
    """Whether branches hang on given inputs or sizes in a way that shows only when the model is run."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """Operators of other domains than ONNX's own."""
        return tuple(sorted(name for name in self.everywhere if "::" in name))


def effective_operators(source: Source) -> EffectiveOperators:
    """The operators of a source that have to be converted.

    Args:
        source: the model; its inputs without those that are the same for every sample. Its file need not exist any
            more, which leaves all its operators.
    """
    names = frozenset(tensor.name for tensor in source.inputs)
    found = _of_file(source.path, source.modified_ns, names, source.dequantize)
    return found or EffectiveOperators(frozenset(source.operators), frozenset(source.operators))


def with_nodes(source: Source, operators: Iterable[str]) -> str:
    """Operators for a sentence, each with its first node where the file can be read: ``Loop ("while_1")``."""
    model = plain_structure(source.path, source.modified_ns, source.dequantize)
    nodes = [] if model is None else list(all_nodes(model.graph))
    first = {_operator(node): node.name or next(iter(node.output), "") for node in reversed(nodes)}
    return ", ".join(f'{name} ("{first[name]}")' if first.get(name) else name for name in operators)


@lru_cache(maxsize=16)
def _of_file(path: Path, changed: int, names: frozenset[str], is_dequantized: bool) -> EffectiveOperators | None:
    model = plain_structure(path, changed, is_dequantized)
    return None if model is None else operators_of(model, names)


@lru_cache(maxsize=4)
def plain_structure(path: Path, _changed: int, is_dequantized: bool) -> onnx.ModelProto | None:
    """A file rewritten as far as that needs no data of weights, which are left out; it must not be changed.

    Returns:
        None where it cannot be read.
    """
    try:
        model = load_structure(path, most_elements=MAX_SHAPE_ELEMENTS)
    except (OSError, ValueError, DecodeError):
        return None
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = onnx.GraphProto(input=[value for value in model.graph.input if value.name not in weights])
    del model.graph.input[:]
    model.graph.input.extend(inputs.input)
    model = without_data(model)
    for rewrite in (
        *([dequantize] if is_dequantized else []),
        unfuse,
        later_resize,
        fold_branches,
        _fold_with_assumed_sizes,
    ):
        trial = copy_model(model)
        try:
            if rewrite(trial):
                model = trial
        except Exception:  # noqa: BLE001 - damaged nodes may raise anything, here and in onnx
            continue
    return model


def operators_of(model: onnx.ModelProto, names: Iterable[str]) -> EffectiveOperators:
    """The operators of a model whose results depend on the values of some inputs.

    Args:
        model: its weights may lack their data; it is not changed.
        names: of these inputs.
    """
    copy = copy_model(model)
    drop_data(copy.graph)
    assume_sizes(copy.graph, (SIDE, SIDE))
    try:
        graph = infer_shapes(copy).graph
    except Exception:  # noqa: BLE001 - likewise
        graph = model.graph
    nodes = list(_depending(graph, set(names)))
    is_open = [is_plain(node, *BRANCHING) and not is_hard for node, is_hard in nodes]
    outside = [node for (node, _), undecided in zip(nodes, is_open, strict=True) if not undecided]
    inside = [inner for node in outside for inner in _inner_nodes(node)]
    everywhere = frozenset(map(_operator, (*outside, *inside)))
    return EffectiveOperators(everywhere, frozenset(map(_operator, outside)), any(is_open))


def _fold_with_assumed_sizes(model: onnx.ModelProto) -> bool:
    copy = copy_model(model)
    assume_sizes(copy.graph, (SIDE, SIDE))
    sizes = {
        value.name: tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim) for value in copy.graph.input
    }
    return fold_branches(model, sizes=sizes)


def _depending(graph: onnx.GraphProto, inputs: set[str]) -> Iterator[tuple[onnx.NodeProto, bool]]:
    """The nodes that the outputs need and whose results depend on values of the inputs, in order.

    With each comes whether its condition does, if it is a branch.
    """
    links = Links(graph)
    needed = links.ancestors(value.name for value in graph.output)
    depending, unsized = set(inputs), set[str]()
    for index, node in enumerate(graph.node):
        reads = links.reads[index]
        if any(name in unsized for name in reads) or (
            node.op_type in _OF_DATA_DEPENDENT_SIZE and any(name in depending for name in reads)
        ):
            unsized.update(node.output)
        is_size = is_plain(node, "Shape", "Size") and node.input[0] not in unsized
        is_random = node.op_type in _RANDOM_OPERATORS
        if (any(name in depending for name in reads) or is_random) and not is_size:
            depending.update(name for name in node.output if name)
            if index in needed:
                yield node, _is_decided_by_values(node, depending)


def _is_decided_by_values(node: onnx.NodeProto, depending: set[str]) -> bool:
    """Whether the branch that is taken hangs on values; for what is no branch, always."""
    if node.op_type == "If":
        return any(name in depending for name in node.input)
    return True  # a loop that is short and ends at a known round is gone already


def _inner_nodes(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    holder = onnx.GraphProto(node=[node])
    return (inner for inner in list(all_nodes(holder))[1:])


def _operator(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in ONNX_DOMAINS else f"{node.domain}::{node.op_type}"
