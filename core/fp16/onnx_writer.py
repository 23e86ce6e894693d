"""16 bit ONNX, written by ourselves: any set of nodes may stay in 32 bit, and what we write always type-checks.

Every 32-bit tensor keeps its name; its 16-bit twin has another. Whoever reads one that nobody has
written gets a Cast. So nodes in 32 bit, the bodies of If and Loop, and the model's outputs find what
they always found. (The converters in onnxconverter-common and onnxruntime rename in place, and
leave mixed types behind around Cast, Resize and subgraphs.)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, defs, helper, numpy_helper

from core.onnx_model.graph import all_graphs, all_nodes, copy_node, names_read, opset, subgraphs
from core.runtimes.onnx import OnnxPredictor

_LARGEST = float(np.finfo(np.float16).max)
_SMALLEST = float(np.finfo(np.float16).smallest_subnormal)

_STORED_FROM = 256
"""Numbers that a tensor must hold before storing it in 16 bit for a node in 32 bit saves anything."""

_STORAGE_ERROR = 2.0**-10
"""How much of a stored tensor's length rounding may change; weights far below 1e-4 lose more."""

_GENERATORS = frozenset(
    {"ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial", "Range", "CumSum", "Constant"}
)
"""Whose output type is written in an attribute, or whose long sums need 32 bit."""

_SHAPE_USERS = frozenset({"Resize", "Upsample", "Range", "NonMaxSuppression", "TopK"})


def fp16_candidates(model: onnx.ModelProto) -> tuple[int, ...]:
    """Places of the nodes that may compute in 16 bit, in the model's order.

    Left out are nodes with subgraphs, of other domains, whose ONNX definition knows no 16-bit floats,
    and those that only compute sizes or indices: 16 bit cannot count beyond 2048.
    """
    floats = _float_names(model)
    exact = _exact_nodes(model)
    version = opset(model)
    return tuple(
        index
        for index, node in enumerate(model.graph.node)
        if index not in exact and any(_half_outputs(node, floats, version)) and _may_be_half(node)
    )


def to_fp16(model: onnx.ModelProto, half: Collection[int]) -> onnx.ModelProto:
    """Let some nodes compute in 16 bit, and store all weights in 16 bit that survive it.

    Args:
        model: a clean model; it is not changed.
        half: places of the nodes, out of :func:`half_candidates`.

    Returns:
        The new model; its inputs and outputs are still float32.
    """
    return _Writer.of(model).write(frozenset(half))


@dataclass
class _Writer:
    """One conversion under way."""

    model: onnx.ModelProto
    floats: frozenset[str]
    opset: int
    weights: dict[str, TensorProto]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    kept: dict[str, TensorProto] = field(default_factory=dict)
    """Initializers of the new model by name."""

    there: set[str] = field(default_factory=set)
    """Float tensors that exist in the new model, in either precision, by name."""

    twins: dict[str, str] = field(default_factory=dict)
    """Float tensor -> name of its 16-bit twin."""

    taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, model: onnx.ModelProto) -> _Writer:
        weights = {tensor.name: tensor for tensor in model.graph.initializer}
        writer = cls(model, _float_names(model), opset(model), weights)
        writer.taken = {name for node in all_nodes(model.graph) for name in (*node.input, *node.output, node.name)}
        writer.taken |= {tensor.name for graph in all_graphs(model.graph) for tensor in graph.initializer}
        writer.there = {value.name for value in model.graph.input}
        return writer

    def write(self, half: frozenset[int]) -> onnx.ModelProto:
        for index, node in enumerate(self.model.graph.node):
            self._write_half(node) if index in half else self._write_float(node)
        for value in self.model.graph.output:
            self._in_float(value.name)
        written = onnx.ModelProto()
        written.CopyFrom(self.model)
        for name in ("node", "initializer", "value_info"):  # what was known of types inside holds no longer
            written.graph.ClearField(name)
        written.graph.node.extend(self.nodes)
        written.graph.initializer.extend(self.kept.values())
        return written

    def _write_half(self, node: onnx.NodeProto) -> None:
        copy = copy_node(node)
        for place, name in enumerate(node.input):
            if name in self.floats and _takes_half(node, place, self.opset):
                copy.input[place] = self._in_half(name)
            elif name:
                self._in_float(name)
        outputs = _half_outputs(node, self.floats, self.opset)
        for place, name in enumerate(node.output):
            if outputs[place]:
                copy.output[place] = self.twins[name] = self._fresh(f"{name}_half")
            else:
                self.there.add(name)
        if node.op_type == "Cast":
            _attribute(copy, "to").i = TensorProto.FLOAT16
        self.nodes.append(copy)

    def _write_float(self, node: onnx.NodeProto) -> None:
        for name in names_read(node):
            self._in_float(name)
        self.there.update(node.output)
        copy = copy_node(node)
        for graph in subgraphs(copy):
            self._store_inside(graph)
        self.nodes.append(copy)

    def _store_inside(self, graph: onnx.GraphProto) -> None:
        """Store the weights inside a subgraph in 16 bit; its nodes stay as they are."""
        nodes: list[onnx.NodeProto] = []
        for tensor in list(graph.initializer):
            values = _stored(tensor)
            if values is not None:
                stored = self._fresh(f"{tensor.name}_half")
                nodes.append(self._to_float(stored, tensor.name))
                graph.initializer.remove(tensor)
                graph.initializer.append(numpy_helper.from_array(values, stored))
        for node in graph.node:
            for inner in subgraphs(node):
                self._store_inside(inner)
            values = _stored(node.attribute[0].t) if node.op_type == "Constant" and node.attribute else None
            nodes.append(node)
            if values is not None:
                name = node.output[0]
                stored = node.output[0] = self._fresh(f"{name}_half")
                node.attribute[0].t.CopyFrom(numpy_helper.from_array(values, stored))
                nodes.append(self._to_float(stored, name))
        copies = [copy_node(node) for node in nodes]
        graph.ClearField("node")
        graph.node.extend(copies)

    def _in_float(self, name: str) -> None:
        """See to it that this tensor exists under its own name."""
        if name in self.there:
            return
        if name in self.twins:
            self.nodes.append(self._to_float(self.twins[name], name))
        elif name in self.weights:
            self._add_float_weight(self.weights[name])
        self.there.add(name)

    def _add_float_weight(self, tensor: TensorProto) -> None:
        values = _stored(tensor)
        if values is None:
            self.kept[tensor.name] = tensor
            return
        # onnxruntime folds this Cast when it loads the file.
        stored = self.twins[tensor.name] = self._fresh(f"{tensor.name}_half")
        self.kept[stored] = numpy_helper.from_array(values, stored)
        self.nodes.append(self._to_float(stored, tensor.name))

    def _in_half(self, name: str) -> str:
        """The name of this tensor's 16-bit twin, made if need be."""
        if name not in self.twins:
            self.twins[name] = twin = self._fresh(f"{name}_half")
            if name in self.weights:
                self.kept[twin] = numpy_helper.from_array(
                    round_to_fp16(numpy_helper.to_array(self.weights[name])), twin
                )
            else:
                self.nodes.append(
                    helper.make_node("Cast", [name], [twin], name=self._fresh(f"{twin}_cast"), to=TensorProto.FLOAT16)
                )
        return self.twins[name]

    def _to_float(self, name: str, to_name: str) -> onnx.NodeProto:
        return helper.make_node("Cast", [name], [to_name], name=self._fresh(f"{to_name}_cast"), to=TensorProto.FLOAT)

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def round_to_fp16(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """To 16 bit; what is too large becomes the largest number, what is too small the smallest, never infinity or 0.

    Masks are written as -1e9 or -3e38 and guards against division by zero as 1e-12: either still serves.
    """
    finite = np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), values)
    if finite.size < _STORED_FROM:
        vanishing = (finite != 0) & (np.abs(finite) < _SMALLEST)
        finite = np.where(vanishing, np.copysign(_SMALLEST, finite), finite)
    half: NDArray[np.float16] = finite.astype(np.float16)
    return half


def _stored(tensor: TensorProto) -> NDArray[np.float16] | None:
    """A weight in 16 bit, for a node in 32 bit; None where it is small or would change."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=np.int64) < _STORED_FROM:
        return None
    values = numpy_helper.to_array(tensor)
    if not np.abs(values).max() <= _LARGEST:
        return None
    half = values.astype(np.float16)
    change = np.linalg.norm(half.astype(np.float64) - values)
    return half if change <= _STORAGE_ERROR * np.linalg.norm(values.astype(np.float64)) else None


def _float_names(model: onnx.ModelProto) -> frozenset[str]:
    """Names of all float32 tensors of the main graph; onnxruntime tells the types, which few files state in full."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    names = dict.fromkeys(name for node in model.graph.node for name in node.output if name)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    predictor = OnnxPredictor(probe, threads=1)
    try:
        inside = predictor.float_tensors
    finally:
        predictor.close()
    weights = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    return inside | weights


def _exact_nodes(model: onnx.ModelProto) -> set[int]:
    """Nodes whose results end in nothing but integers, sizes and positions."""
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(model.graph.node):
        for name in names_read(node):
            readers.setdefault(name, []).append(index)
    outputs = {value.name for value in model.graph.output}
    exact: set[int] = set()
    for index in reversed(range(len(model.graph.node))):
        node = model.graph.node[index]
        users = [(user, name) for name in node.output for user in readers.get(name, [])]
        if (
            users
            and not outputs & set(node.output)
            and all(user in exact or _reads_exactly(model.graph.node[user], name) for user, name in users)
        ):
            exact.add(index)
    return exact


def _reads_exactly(node: onnx.NodeProto, name: str) -> bool:
    if node.op_type == "Cast":
        return _attribute(node, "to").i not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    return node.op_type in _SHAPE_USERS and node.input[0] != name


def _may_be_half(node: onnx.NodeProto) -> bool:
    if node.domain not in ("", "ai.onnx") or node.op_type in _GENERATORS or any(subgraphs(node)):
        return False
    if "Sequence" in node.op_type or "Optional" in node.op_type:
        return False
    return node.op_type != "Cast" or _attribute(node, "to").i == TensorProto.FLOAT


def _half_outputs(node: onnx.NodeProto, floats: frozenset[str], version: int) -> list[bool]:
    """For each output, whether it is float32 and its definition allows 16 bit."""
    schema = _schema(node, version)
    if schema is None:
        return [False] * len(node.output)
    return [
        name in floats and _allows_half(schema, _formal(schema.outputs, place))
        for place, name in enumerate(node.output)
    ]


def _takes_half(node: onnx.NodeProto, place: int, version: int) -> bool:
    schema = _schema(node, version)
    # The rows of Resize's region may lie outside 0 to 1, and its definition ties them to nothing.
    if schema is None or (node.op_type == "Resize" and place > 0):
        return False
    return _allows_half(schema, _formal(schema.inputs, place))


def _schema(node: onnx.NodeProto, version: int) -> defs.OpSchema | None:
    try:
        return defs.get_schema(node.op_type, version, "")
    except defs.SchemaError:
        return None


def _formal(parameters: Sequence[defs.OpSchema.FormalParameter], place: int) -> defs.OpSchema.FormalParameter:
    """The last one stands for all further ones."""
    return parameters[min(place, len(parameters) - 1)]


def _allows_half(schema: defs.OpSchema, parameter: defs.OpSchema.FormalParameter) -> bool:
    for constraint in schema.type_constraints:
        if constraint.type_param_str == parameter.type_str:
            return "tensor(float16)" in constraint.allowed_type_strs
    return bool(parameter.type_str == "tensor(float16)")


def _attribute(node: onnx.NodeProto, name: str) -> onnx.AttributeProto:
    attributes: dict[str, onnx.AttributeProto] = {attribute.name: attribute for attribute in node.attribute}
    return attributes[name]
