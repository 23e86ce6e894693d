"""fp16 ONNX: any set of nodes may stay in float32, and the types of the result always fit.

Every float32 tensor keeps its name; its fp16 copy has another. Where a node reads a tensor in a type in which nobody
has written it, a Cast is inserted. So nodes in float32, the bodies of If and Loop, and the model's outputs find the
tensors that they always found. (The converters in onnxconverter-common and onnxruntime rename in place, and
leave mixed types behind around Cast, Resize and subgraphs.)
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.fp16.candidates import float_tensors, fp16_outputs, takes_fp16
from core.onnx_model.graph import all_graphs, all_nodes, copy_node, names_read, opset, replace_nodes, subgraphs

FP16_SUFFIX = "_half"
"""Behind a tensor's name in that of its fp16 copy; underscores follow where the name is taken."""

_LARGEST = float(np.finfo(np.float16).max)
_SMALLEST = float(np.finfo(np.float16).smallest_subnormal)

_MIN_VALUES = 256
"""Values that a tensor must hold for storing it in fp16 for a float32 node to save anything."""

_MAX_STORAGE_ERROR = 2.0**-10
"""Relative error (of the norm) that storing may cause; weights far below 1e-4 lose more."""


def to_fp16(model: onnx.ModelProto, in_fp16: Collection[int]) -> onnx.ModelProto:
    """Let some nodes compute in fp16, and store all weights in fp16 that allow it.

    Args:
        model: a clean model; it is not changed.
        in_fp16: indices of the nodes, out of :func:`core.fp16.candidates.fp16_candidates`.

    Returns:
        The new model; its inputs and outputs are still float32.
    """
    return _Writer.of(model).write(frozenset(in_fp16))


@dataclass
class _Writer:
    """State of one conversion."""

    model: onnx.ModelProto
    floats: frozenset[str]
    opset: int
    weights: dict[str, TensorProto]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    """Initializers of the new model by name."""

    in_float: set[str] = field(default_factory=set)
    """Tensors that exist in the new model under their own names."""

    fp16_copies: dict[str, str] = field(default_factory=dict)
    """Float tensor -> name of its fp16 copy."""

    taken: set[str] = field(default_factory=set)
    """All names in use."""

    @classmethod
    def of(cls, model: onnx.ModelProto) -> _Writer:
        weights = {tensor.name: tensor for tensor in model.graph.initializer}
        writer = cls(model, float_tensors(model), opset(model), weights)
        writer.taken = {name for node in all_nodes(model.graph) for name in (*node.input, *node.output, node.name)}
        writer.taken |= {tensor.name for graph in all_graphs(model.graph) for tensor in graph.initializer}
        writer.in_float = {value.name for value in model.graph.input}
        return writer

    def write(self, in_fp16: frozenset[int]) -> onnx.ModelProto:
        for index, node in enumerate(self.model.graph.node):
            self._write_fp16(node) if index in in_fp16 else self._write_float(node)
        for value in self.model.graph.output:
            self._require_float(value.name)
        written = onnx.ModelProto()
        written.CopyFrom(self.model)
        for name in ("node", "initializer", "value_info"):  # types inside the graph have changed
            written.graph.ClearField(name)
        written.graph.node.extend(self.nodes)
        written.graph.initializer.extend(self.initializers.values())
        return written

    def _write_fp16(self, node: onnx.NodeProto) -> None:
        copy = copy_node(node)
        for number, name in enumerate(node.input):
            if name in self.floats and takes_fp16(node, number, self.opset):
                copy.input[number] = self._require_fp16(name)
            elif name:
                self._require_float(name)
        outputs = fp16_outputs(node, self.floats, self.opset)
        for number, name in enumerate(node.output):
            if outputs[number]:
                copy.output[number] = self.fp16_copies[name] = self._fp16_name(name)
            else:
                self.in_float.add(name)
        for attribute in copy.attribute if node.op_type == "Cast" else ():
            if attribute.name == "to":
                attribute.i = TensorProto.FLOAT16
        self.nodes.append(copy)

    def _write_float(self, node: onnx.NodeProto) -> None:
        for name in names_read(node):
            self._require_float(name)
        self.in_float.update(node.output)
        copy = copy_node(node)
        for graph in subgraphs(copy):
            self._store_subgraph_weights(graph)
        self.nodes.append(copy)

    def _store_subgraph_weights(self, graph: onnx.GraphProto) -> None:
        """Store the weights inside a subgraph in fp16; its nodes stay in float32."""
        nodes: list[onnx.NodeProto] = []
        for tensor in list(graph.initializer):
            values = _storable(tensor)
            if values is not None:
                stored = self._fp16_name(tensor.name)
                nodes.append(self._cast(stored, tensor.name, TensorProto.FLOAT))
                graph.initializer.remove(tensor)
                graph.initializer.append(numpy_helper.from_array(values, stored))
        for node in graph.node:
            for inner in subgraphs(node):
                self._store_subgraph_weights(inner)
            values = _storable(node.attribute[0].t) if node.op_type == "Constant" and node.attribute else None
            nodes.append(node)
            if values is not None:
                name = node.output[0]
                stored = node.output[0] = self._fp16_name(name)
                node.attribute[0].t.CopyFrom(numpy_helper.from_array(values, stored))
                nodes.append(self._cast(stored, name, TensorProto.FLOAT))
        replace_nodes(graph, nodes)

    def _require_float(self, name: str) -> None:
        """Make this tensor exist in float32 under its own name."""
        if name in self.in_float:
            return
        if name in self.fp16_copies:
            self.nodes.append(self._cast(self.fp16_copies[name], name, TensorProto.FLOAT))
        elif name in self.weights:
            self._add_float_weight(self.weights[name])
        self.in_float.add(name)

    def _add_float_weight(self, tensor: TensorProto) -> None:
        values = _storable(tensor)
        if values is None:
            self.initializers[tensor.name] = tensor
            return
        # onnxruntime folds this Cast when it loads the file.
        stored = self.fp16_copies[tensor.name] = self._fp16_name(tensor.name)
        self.initializers[stored] = numpy_helper.from_array(values, stored)
        self.nodes.append(self._cast(stored, tensor.name, TensorProto.FLOAT))

    def _require_fp16(self, name: str) -> str:
        """The name of this tensor's fp16 copy, which is made if need be."""
        if name not in self.fp16_copies:
            self.fp16_copies[name] = copy = self._fp16_name(name)
            if name in self.weights:
                values = round_to_fp16(numpy_helper.to_array(self.weights[name]))
                self.initializers[copy] = numpy_helper.from_array(values, copy)
            else:
                self.nodes.append(self._cast(name, copy, TensorProto.FLOAT16))
        return self.fp16_copies[name]

    def _cast(self, name: str, result: str, kind: int) -> onnx.NodeProto:
        return helper.make_node("Cast", [name], [result], name=self._unused_name(f"{result}_cast"), to=kind)

    def _fp16_name(self, name: str) -> str:
        return self._unused_name(f"{name}{FP16_SUFFIX}")

    def _unused_name(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def round_to_fp16(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """Round to fp16 without making infinities, nor zeros in small constants: the largest or smallest number instead.

    Masks are written as -1e9 or -3e38 and guards against division by zero as 1e-12: both still work.
    """
    if values.size >= _MIN_VALUES:
        clipped = np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), values)
        rounded: NDArray[np.float16] = clipped.astype(np.float16)
        return rounded
    from onnxconverter_common.float16 import convert_np_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every constant that it clips
        constants = convert_np_to_float16(values.reshape(-1), _SMALLEST, _LARGEST)  # fails on scalars
    return np.asarray(constants, np.float16).reshape(values.shape)


def _storable(tensor: TensorProto) -> NDArray[np.float16] | None:
    """A weight of a float32 node in fp16; None where it is small or would change too much."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=np.int64) < _MIN_VALUES:
        return None
    values = numpy_helper.to_array(tensor)
    if not np.abs(values).max() <= _LARGEST:
        return None
    rounded = values.astype(np.float16)
    error = np.linalg.norm(rounded.astype(np.float64) - values)
    return rounded if error <= _MAX_STORAGE_ERROR * np.linalg.norm(values.astype(np.float64)) else None
