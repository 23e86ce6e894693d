"""Cut a model in two before its post-processing, from the file alone; nothing is run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from core.onnx_model.boundary import INDEXING, SELECTING, Boundary, find_boundary, selects
from core.onnx_model.graph import all_nodes, copy_model
from core.onnx_model.links import Links
from core.onnx_model.normalize.effective import effective_operators, operators_of, plain_structure
from core.onnx_model.shapes import SIDE, Shapes, assume_sizes, drop_data, fix_sizes, infer_shapes
from core.onnx_model.source import Source, TensorInfo


@dataclass(frozen=True)
class Cut:
    """A model in two parts. Names of tensors are those of the whole model."""

    head: onnx.ModelProto
    """Everything with weights. Its outputs are the boundary tensors, ``sizes``, and the whole model's other outputs."""

    tail: onnx.ModelProto
    """The post-processing, in 32 bit. It reads outputs of the head, and inputs of the whole model."""

    fixed_tail: onnx.ModelProto
    """The same with the sizes fixed, so that it does not read ``sizes``."""

    boundary: tuple[TensorInfo, ...]
    """Boundary tensors with their sizes fixed: float32, batch axis 1."""

    sizes: tuple[str, ...]
    """Sizes that the head computes and the tail reads, where the input's sizes are free."""

    inputs: tuple[onnx.ValueInfoProto, ...]
    """Inputs of the whole model."""

    outputs: tuple[onnx.ValueInfoProto, ...]
    """Outputs of the whole model."""

    @property
    def operators(self) -> tuple[str, ...]:
        """The tail's operators that ncnn has nothing for, each once: first those that pick, then those that look up."""
        found = list(dict.fromkeys(node.op_type for node in all_nodes(self.tail.graph)))
        return tuple(name for group in (SELECTING, INDEXING) for name in found if name in group)

    def fixed_head(self, head: onnx.ModelProto) -> onnx.ModelProto:
        """A head with fixed sizes (this cut's, after a rewrite) without the outputs that are sizes."""
        if not self.sizes:
            return head
        copy = copy_model(head)
        kept = [value for value in copy.graph.output if value.name not in self.sizes]
        del copy.graph.output[:]
        copy.graph.output.extend(kept)
        return copy


def find_cut(model: onnx.ModelProto, sizes: Shapes | None = None) -> Cut | None:
    """Cut a model at the last float32 tensors before its post-processing.

    Args:
        model: cleaned or not, without functions; it is not changed. The data of its weights may be missing.
        sizes: those of its inputs; None for the usual ones where the file leaves them free.

    Returns:
        None where the model picks or sorts nothing after its last weights, or no such cut exists
        (:func:`core.onnx_model.boundary.find_boundary`).
    """
    if not selects(model):
        return None
    analysed = _with_shapes(model, sizes)
    boundary = find_boundary(analysed)
    if boundary is None:
        return None
    known = {tensor.name for tensor in model.graph.initializer}
    computed = {tensor.name: tensor for tensor in analysed.graph.initializer if tensor.name not in known}
    return _Parts(model, boundary, computed).cut()


def operators_before_cut(source: Source) -> frozenset[str]:
    """The effective operators of a model without those of the post-processing that can be cut off, by the file alone.

    Args:
        source: the model; its file need not exist any more, which leaves all its operators.
    """
    operators = effective_operators(source).everywhere
    if not SELECTING & operators:
        return operators
    names = frozenset(tensor.name for tensor in source.inputs)
    return _operators_of_head(source.path, source.modified_ns, names, source.dequantize) or operators


@lru_cache(maxsize=16)
def _operators_of_head(path: Path, changed: int, names: frozenset[str], is_dequantized: bool) -> frozenset[str] | None:
    model = plain_structure(path, changed, is_dequantized)
    cut = None if model is None else find_cut(model)
    return None if cut is None else operators_of(cut.head, names).everywhere


def _with_shapes(model: onnx.ModelProto, sizes: Shapes | None) -> onnx.ModelProto:
    copy = copy_model(model)
    drop_data(copy.graph)
    if sizes is None:
        assume_sizes(copy.graph, (SIDE, SIDE))
    else:
        fix_sizes(copy.graph, sizes)
    return infer_shapes(copy)


class _Parts:
    """Builds the two parts of a model.

    Args:
        model: the whole model.
        boundary: where to cut it.
        folded: the values of small tensors that follow from the fixed sizes.
    """

    def __init__(self, model: onnx.ModelProto, boundary: Boundary, folded: Mapping[str, TensorProto]) -> None:
        self._model = model
        self._graph = model.graph
        self._boundary = boundary
        self._folded = folded
        self._links = Links(model.graph)
        self._names = [tensor.name for tensor in boundary.tensors]

    def cut(self) -> Cut | None:
        """None where the tail would read more of the head than boundary tensors and sizes."""
        nodes, missing = self._tail_nodes(self._folded)
        if missing:
            return None
        fixed_tail = self._tail(nodes, [])
        read = {name for index in nodes for name in self._links.reads[index]} | set(self._boundary.outputs)
        fixed_tail.graph.initializer.extend(self._folded[name] for name in sorted(read & set(self._folded)))
        tail = fixed_tail
        sizes: list[str] = []
        if not all(map(_is_fixed, self._graph.input)):
            nodes, sizes = self._tail_nodes({})
            if not set(sizes) <= set(self._folded):
                return None
            tail = self._tail(nodes, sizes)
        inputs, outputs = tuple(self._graph.input), tuple(self._graph.output)
        return Cut(self._head(sizes), tail, fixed_tail, self._boundary.tensors, tuple(sizes), inputs, outputs)

    def _tail_nodes(self, given: Collection[str]) -> tuple[set[int], list[str]]:
        """The nodes of the tail, and what they read of the head besides the boundary tensors and ``given``."""
        stop = {*self._names, *given}
        after = self._links.descendants(reader for name in self._names for reader in self._links.readers.get(name, ()))
        nodes = {
            index
            for index in self._links.ancestors(self._boundary.outputs, stop=stop)
            if index in after or self._is_in_tail(index)
        }
        made = {name for index in nodes for name in self._graph.node[index].output}
        read = {name for index in nodes for name in self._links.reads[index]}
        return nodes, sorted((read & set(self._links.producers)) - made - stop)

    def _is_in_tail(self, index: int) -> bool:
        """Whether it is a part of the post-processing that reads no boundary tensor: constants and inputs only."""
        if not self._boundary.after.isdisjoint(self._graph.node[index].output):
            return True
        nodes = self._links.ancestors(self._graph.node[index].output)
        inputs = {value.name for value in self._graph.input}
        return all(inputs.isdisjoint(self._links.reads[each]) for each in nodes)

    def _tail(self, nodes: set[int], sizes: Sequence[str]) -> onnx.ModelProto:
        read = {name for index in nodes for name in self._links.reads[index]}
        inputs = [value for value in self._graph.input if value.name in read]
        boundary = [_value(tensor.name, TensorProto.FLOAT) for tensor in self._boundary.tensors]
        types = {value.name: value for value in self._graph.output}
        outputs = [types[name] for name in self._boundary.outputs]
        return self._part(nodes, [*boundary, *map(self._size, sizes), *inputs], outputs)

    def _head(self, sizes: Sequence[str]) -> onnx.ModelProto:
        outputs = {value.name: value for value in self._graph.output}
        fixed = all(map(_is_fixed, self._graph.input))
        made = [outputs.get(one.name) or _boundary_value(one, fixed=fixed) for one in self._boundary.tensors]
        made += map(self._size, sizes)
        given = {*self._names, *sizes, *self._boundary.outputs}
        made += [value for name, value in outputs.items() if name not in given]
        nodes = self._links.ancestors(value.name for value in made)
        read = {name for index in nodes for name in self._links.reads[index]} | {value.name for value in made}
        return self._part(nodes, [value for value in self._graph.input if value.name in read], made)

    def _size(self, name: str) -> onnx.ValueInfoProto:
        return _value(name, self._folded[name].data_type)

    def _part(
        self, nodes: set[int], inputs: Iterable[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """A model of some of the nodes, with the initializers that they read."""
        part = onnx.ModelProto(ir_version=self._model.ir_version, producer_name=self._model.producer_name)
        part.opset_import.extend(self._model.opset_import)
        part.metadata_props.extend(self._model.metadata_props)
        part.graph.name = self._graph.name or "graph"
        part.graph.node.extend(self._graph.node[index] for index in sorted(nodes))
        part.graph.input.extend(inputs)
        part.graph.output.extend(outputs)
        read = {name for index in nodes for name in self._links.reads[index]} | {value.name for value in outputs}
        part.graph.initializer.extend(tensor for tensor in self._graph.initializer if tensor.name in read)
        part.graph.sparse_initializer.extend(
            tensor for tensor in self._graph.sparse_initializer if tensor.values.name in read
        )
        made = {name for node in part.graph.node for name in node.output}
        part.graph.value_info.extend(value for value in self._graph.value_info if value.name in made)
        return part


def _is_fixed(value: onnx.ValueInfoProto) -> bool:
    return all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)


def _boundary_value(tensor: TensorInfo, *, fixed: bool) -> onnx.ValueInfoProto:
    """An output of the head; where the input's sizes are free, only its number of axes is known."""
    shape = tensor.shape if fixed else [None] * len(tensor.shape)
    return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, shape)


def _value(name: str, kind: int) -> onnx.ValueInfoProto:
    """Of a shape that onnxruntime infers."""
    return helper.make_tensor_value_info(name, kind, None)
