"""Models quantised to 8 bit -> the same in float: weights by their values, activations that are no longer rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from core.onnx_model.graph import ONNX_DOMAINS, all_nodes, attributes, copy_node, replace_nodes, subgraphs
from core.onnx_model.links import Links
from core.onnx_model.normalize.edit import Editor
from core.onnx_model.normalize.quantized_values import Scale, number_range, to_integers, to_numbers

_DOMAINS = ONNX_DOMAINS | {"com.microsoft"}

_MOVING = frozenset(
    {"Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Reshape", "Resize"}
    | {"Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"}
)
"""Operators that give numbers of their first input as they are (Concat: of all, Pad: and one to fill with)."""

_OF_ONE = {
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearSigmoid": "Sigmoid",
    "QLinearSoftmax": "Softmax",
}
_OF_TWO = {"QLinearAdd": "Add", "QLinearMul": "Mul", "QLinearMatMul": "MatMul"}

_POSITIVE = frozenset({"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus", "Sqrt"})
_KEEPING_SIGN = _MOVING | {"Add", "AveragePool", "Concat", "GlobalAveragePool", "GlobalMaxPool", "Mul", "ReduceMean"}

_Nodes: TypeAlias = "list[onnx.NodeProto]"


class _Unknown(Exception):
    """A part of the model that stays as it is."""


def dequantize(model: onnx.ModelProto, *, saturate: bool = False) -> bool:
    """Turn all 8-bit steps that are known into float; the others stay.

    Quantisers remove a Relu before a step that cuts off below 0 anyway: it is put back as a Clip.

    Args:
        model: is changed in place; the data of its weights may be missing.
        saturate: whether every activation is clipped to the range that 8 bit could hold. Without, only those are of
            which a Relu may have been removed.

    Returns:
        Whether anything was changed.
    """
    return _Dequantizer(model, saturate).run()


class _Dequantizer:
    """Walks through one model. Quantised steps stay beside their float copies, and go where nothing reads them."""

    def __init__(self, model: onnx.ModelProto, saturate: bool) -> None:
        self.edit = Editor(model)
        self._graph = model.graph
        self._saturate = saturate
        self._inputs = {value.name for value in model.graph.input}
        self._outputs = {value.name for value in model.graph.output}
        self._producers = {name: node for node in model.graph.node for name in node.output if name}
        self._made: _Nodes = []
        self._new_names: dict[str, str] = {}
        """Tensor that is gone -> the one to read in its place."""
        self._numbers: dict[str, tuple[str, Scale]] = {}
        """Quantised activation -> the same as floats, and how it is read."""
        self._known: dict[tuple[str, Scale], str] = {}
        """What was turned into floats on demand: weights, and what moves numbers only."""
        self._products: dict[str, onnx.NodeProto] = {}
        """Sums of integer products, also cast to float -> the node that computes them."""
        self._stored: dict[str, str] = {}
        """Integer constant, cast to float -> the constant."""
        self._positive: set[str] = set()
        self._table: dict[str, Callable[[onnx.NodeProto, dict[str, Any]], bool]] = {
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "QLinearConv": self._conv,
            "QGemm": self._gemm,
            "QLinearConcat": self._concat,
            **dict.fromkeys(_OF_ONE, self._of_one),
            **dict.fromkeys(_OF_TWO, self._of_two),
            "DynamicQuantizeLinear": self._quantize_dynamically,
            "MatMulInteger": self._product,
            "ConvInteger": self._product,
            "Cast": self._cast,
            "Mul": self._scaled,
            "DynamicQuantizeMatMul": self._dynamic_matmul,
            "MatMulIntegerToFloat": self._matmul_to_float,
        }

    def run(self) -> bool:
        """Whether anything was changed."""
        changed = False
        for node in _sorted(self._graph):
            self._rename_inputs(node)
            handler = self._table.get(node.op_type) if node.domain in _DOMAINS else None
            try:
                is_replaced = handler is not None and handler(node, attributes(node))
            except _Unknown:  # what was made for it so far is read by nothing, and goes
                is_replaced = False
            if not is_replaced:
                self._add(node)
            changed |= is_replaced
        if changed:
            replace_nodes(self._graph, self._made)
            needed = Links(self._graph).ancestors(self._outputs)
            replace_nodes(self._graph, [node for index, node in enumerate(self._graph.node) if index in needed])
        return changed

    def _rename_inputs(self, node: onnx.NodeProto) -> None:
        inner = (each for graph in subgraphs(node) for each in all_nodes(graph))
        for one in (node, *inner):
            for index, name in enumerate(one.input):
                one.input[index] = self._new_names.get(name, name)

    def _add(self, node: onnx.NodeProto) -> str:
        """Add a node to the new graph; its first output."""
        self._made.append(node)
        first = str(node.output[0])
        read = [name for name in node.input if name]
        counted = read if node.op_type in ("Add", "Concat", "Mul") else read[:1]
        is_clip = node.op_type == "Clip" and self._least_of_clip(node) >= 0
        is_kept = node.op_type in _KEEPING_SIGN and all(name in self._positive for name in counted)
        if node.op_type in _POSITIVE or is_clip or is_kept:
            self._positive.update(node.output)
        return first

    def _least_of_clip(self, node: onnx.NodeProto) -> float:
        given = self.edit.read(node.input[1]) if len(node.input) > 1 else None
        return float(attributes(node).get("min", -1.0) if given is None or given.size != 1 else given.reshape(()))

    def _float(self, operator: str, inputs: Sequence[str], output: str = "", **own: Any) -> str:
        return self._add(self.edit.node(operator, inputs, output, **own))

    def _float_of(self, node: onnx.NodeProto, operator: str, inputs: Sequence[str], **own: Any) -> str:
        """A node in the place of one that computes on integers, by its name."""
        output = self.edit.name(f"{node.output[0]}_float")
        return self._add(helper.make_node(operator, inputs, [output], node.name, **own))

    # Numbers of quantised tensors

    def _number(self, name: str, scale: Scale) -> str:
        """The tensor that holds a quantised one as floats.

        Raises:
            _Unknown: there is none.
        """
        if name in self._numbers:
            floats, own = self._numbers[name]
            if self._is_same(own, scale):
                return floats
            raise _Unknown
        if (name, scale) not in self._known:
            if self.edit.tensor(name) is not None:
                self._known[name, scale] = self._constant(name, scale)
            else:
                self._move(name, scale)
        return self._known[name, scale]

    def _is_same(self, first: Scale, second: Scale) -> bool:
        return self._is_equal(first.scale, second.scale) and self._is_equal(first.zero_point, second.zero_point)

    def _is_equal(self, first: str, second: str) -> bool:
        if first == second:
            return True
        values, others = (self.edit.read(name) if name else np.zeros(1, np.uint8) for name in (first, second))
        return values is not None and others is not None and np.array_equal(values.reshape(-1), others.reshape(-1))

    def _constant(self, name: str, scale: Scale) -> str:
        """A constant of integers as floats, without data where that was left out."""
        tensor = self.edit.tensor(name)
        assert tensor is not None
        values, factor, zero_point = (self._read(one) for one in (name, scale.scale, scale.zero_point))
        kind = self.edit.tensor(scale.scale)
        if kind is None:
            raise _Unknown
        if values is None or factor is None or (scale.zero_point and zero_point is None):
            return self.edit.empty(tensor.dims, kind.data_type, f"{name}_float")
        numbers = to_numbers(values, factor, zero_point, axis=scale.axis, block=scale.block)
        return self.edit.constant(numbers, f"{name}_float")

    def _read(self, name: str) -> NDArray[Any] | None:
        return self.edit.read(name) if name else None

    def _move(self, name: str, scale: Scale) -> None:
        """The float copy of a node that moves quantised numbers.

        Raises:
            _Unknown: it does more than that, or has a scale for each channel.
        """
        node, factor = self._producers.get(name), self.edit.tensor(scale.scale)
        if node is None or factor is None or int(np.prod(factor.dims)) != 1 or node.domain not in ONNX_DOMAINS:
            raise _Unknown
        if node.op_type == "Clip":
            self._known[name, scale] = self._clip_integers(node, scale)
            return
        if node.op_type not in _MOVING:
            raise _Unknown
        copy = copy_node(node)
        copy.name = self.edit.name(f"{node.name}_float")
        for index in range(len(node.input) if node.op_type == "Concat" else 1):
            copy.input[index] = self._number(node.input[index], scale)
        if node.op_type == "Pad" and attributes(node).get("mode", b"constant") == b"constant":
            fill = node.input[2] if len(node.input) > 2 and node.input[2] else self._integer_zero(scale)
            copy.input[:] = [*copy.input[:2], self._number(fill, scale), *copy.input[3:]]
        for index, output in enumerate(node.output):
            copy.output[index] = self.edit.name(f"{output}_float") if output else ""
            self._known[output, scale] = copy.output[index]
        self._add(copy)

    def _integer_zero(self, scale: Scale) -> str:
        """What a Pad of integers fills with where nothing is given."""
        zero_point = self._read(scale.zero_point)
        return self.edit.constant(np.zeros((), np.uint8 if zero_point is None else zero_point.dtype), "zero")

    def _clip_integers(self, node: onnx.NodeProto, scale: Scale) -> str:
        """A Clip of integers, by which exporters write narrow ranges."""
        limits = [self._number(name, scale) for name in node.input[1:3] if name]
        if len(limits) < 2:
            raise _Unknown
        return self._float("Clip", [self._number(node.input[0], scale), *limits])

    # QuantizeLinear and DequantizeLinear

    def _quantize(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        scale = _scale_of(node, found)
        if found.get("output_dtype") and not scale.zero_point:
            raise _Unknown
        tensor = self.edit.tensor(node.input[0])
        if tensor is None:
            self._remember(node.output[0], node.input[0], scale)
            return False
        values, factor, zero_point = (self._read(one) for one in (node.input[0], scale.scale, scale.zero_point))
        if values is None or factor is None or (scale.zero_point and zero_point is None):
            name = self.edit.empty(tensor.dims, TensorProto.INT8, node.output[0])
        else:
            try:
                integers = to_integers(values, factor, zero_point, axis=scale.axis, block=scale.block)
            except ValueError as exc:
                raise _Unknown from exc
            name = self.edit.constant(integers, node.output[0])
        return self._replace(node.output[0], name)

    def _dequantize(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        scale = _scale_of(node, found)
        try:
            return self._replace(node.output[0], self._number(node.input[0], scale))
        except _Unknown:
            if node.input[0] in self._numbers:
                raise
        # Integers of elsewhere, such as an input of the model.
        factor, zero_point = self._read(scale.scale), self._read(scale.zero_point)
        if factor is None or factor.size != 1 or (scale.zero_point and zero_point is None):
            raise _Unknown
        like = node.output[0]
        shift = np.zeros(1) if zero_point is None else zero_point
        floats = self._float("Cast", [node.input[0]], to=TensorProto.FLOAT)
        if shift.any():
            shift_name = self.edit.constant(shift.reshape(()).astype(np.float32), f"{like}_shift")
            floats = self._float("Sub", [floats, shift_name])
        scale_name = self.edit.constant(factor.reshape(()).astype(np.float32), f"{like}_scale")
        self._float("Mul", [floats, scale_name], node.output[0])
        return True

    def _replace(self, name: str, by: str) -> bool:
        """Have another tensor read in the place of one; outputs of the model keep their names."""
        if name in self._outputs:
            self._float("Identity", [by], name)
        else:
            self._new_names[name] = by
        return True

    def _remember(self, quantized: str, floats: str, scale: Scale) -> None:
        """Say which floats a quantised activation stands for, clipped where that may change them much."""
        factor, zero_point = self._read(scale.scale), self._read(scale.zero_point)
        is_known = factor is not None and (not scale.zero_point or zero_point is not None)
        limits = number_range(factor, zero_point) if factor is not None and is_known else None
        is_below_0 = floats not in self._positive and floats not in self._inputs
        if limits is not None and (self._saturate or (limits[0] == 0 and is_below_0)):
            floats = self._clip(floats, limits, self.edit.name(f"{quantized}_float"))
        self._numbers[quantized] = (floats, scale)

    def _clip(self, name: str, limits: tuple[float, float], output: str) -> str:
        if self.edit.opset < 11:
            return self._float("Clip", [name], output, min=limits[0], max=limits[1])
        names = [self.edit.constant(np.array(one, np.float32), f"{output}_limit") for one in limits]
        return self._float("Clip", [name, *names], output)

    # Operators that compute on integers

    def _conv(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = node.input[:8]
        inputs = [self._number(x, Scale(x_scale, x_zero)), self._number(w, Scale(w_scale, w_zero, axis=0))]
        if len(node.input) > 8 and node.input[8]:
            inputs.append(self._bias(node.input[8], x_scale, w_scale))
        return self._finish(node, self._float_of(node, "Conv", inputs, **found), Scale(y_scale, y_zero))

    def _gemm(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero = [*node.input, "", "", ""][:9]
        if found.get("alpha", 1.0) != 1.0:
            raise _Unknown
        axis = 0 if found.get("transB") else 1
        inputs = [self._number(a, Scale(a_scale, a_zero)), self._number(b, Scale(b_scale, b_zero, axis=axis))]
        if c:
            inputs.append(self._bias(c, a_scale, b_scale))
        if y_scale:
            return self._finish(node, self._float_of(node, "Gemm", inputs, **found), Scale(y_scale, y_zero))
        self._float("Gemm", inputs, node.output[0], **found)
        return True

    def _bias(self, name: str, *scales: str) -> str:
        """A bias of 32-bit integers, in the product of the scales of input and weights."""
        first, second = (self.edit.read(one) for one in scales)
        if self.edit.tensor(name) is None:
            raise _Unknown
        if first is None or second is None:
            return self._number(name, Scale(scales[1], axis=0))  # without data
        return self._number(name, Scale(self.edit.constant(np.asarray(first * second), f"{name}_scale"), axis=0))

    def _of_one(self, node: onnx.NodeProto, found: dict[str, Any]) -> bool:
        x, x_scale, x_zero, y_scale, y_zero = [*node.input, ""][:5]
        if found.pop("channels_last", 0):
            raise _Unknown
        found.pop("opset", None)
        made = self._float_of(node, _OF_ONE[node.op_type], [self._number(x, Scale(x_scale, x_zero))], **found)
        return self._finish(node, made, Scale(y_scale, y_zero))

    def _of_two(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = [*node.input, ""][:8]
        inputs = [self._number(a, Scale(a_scale, a_zero, axis=-1)), self._number(b, Scale(b_scale, b_zero, axis=-1))]
        return self._finish(node, self._float_of(node, _OF_TWO[node.op_type], inputs), Scale(y_scale, y_zero))

    def _concat(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        y_scale, y_zero, *rest = node.input
        inputs = [self._number(rest[at], Scale(*rest[at + 1 : at + 3])) for at in range(0, len(rest), 3)]
        return self._finish(node, self._float_of(node, "Concat", inputs, **found), Scale(y_scale, y_zero))

    def _finish(self, node: onnx.NodeProto, floats: str, scale: Scale) -> bool:
        """Say what the output of an integer operator stands for; the operator itself stays until nothing reads it."""
        self._remember(node.output[0], floats, scale)
        return False

    # Ranges measured anew at each run

    def _quantize_dynamically(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        self._numbers[node.output[0]] = (node.input[0], Scale(node.output[1], node.output[2]))
        return False

    def _product(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        self._products[node.output[0]] = node
        return False

    def _cast(self, node: onnx.NodeProto, found: Mapping[str, Any]) -> bool:
        if found.get("to") != TensorProto.FLOAT:
            return False
        if node.input[0] in self._products:
            self._products[node.output[0]] = self._products[node.input[0]]
        tensor = self.edit.tensor(node.input[0])
        if tensor is not None and tensor.data_type in (TensorProto.INT8, TensorProto.UINT8):
            self._stored[node.output[0]] = node.input[0]
        return False

    def _scaled(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        """Weights that are only stored in 8 bit, as an integer constant, a Cast and a Mul; or integer products."""
        stored = [name for name in node.input if name in self._stored]
        if len(stored) != 1:
            return self._scaled_product(node)
        (scale,) = (name for name in node.input if name not in self._stored)
        factor = self.edit.tensor(scale)
        dims = self.edit.tensor(self._stored[stored[0]])
        assert dims is not None
        if factor is None or len(factor.dims) not in (0, len(dims.dims)):
            raise _Unknown
        return self._replace(node.output[0], self._number(self._stored[stored[0]], Scale(scale)))

    def _scaled_product(self, node: onnx.NodeProto) -> bool:
        """Integer products, cast and multiplied by the scales of both factors, as onnxruntime's quantiser writes it."""
        cast = [name for name in node.input if name in self._products]
        factors = [self._producers.get(name) for name in node.input if name not in self._products]
        if len(cast) != 1 or factors[0] is None or factors[0].op_type != "Mul":
            raise _Unknown
        product, scales = self._products[cast[0]], list(factors[0].input)
        a, b, a_zero, b_zero = [*product.input, "", ""][:4]
        own = self._numbers[a][1].scale if a in self._numbers else ""
        if own not in scales:
            raise _Unknown
        scales.remove(own)
        is_conv = product.op_type == "ConvInteger"
        factor = self.edit.tensor(scales[0])
        if is_conv and (factor is None or int(np.prod(factor.dims)) != 1):
            raise _Unknown
        axis = 0 if is_conv else -1
        inputs = [self._number(a, Scale(own, a_zero)), self._number(b, Scale(scales[0], b_zero, axis))]
        self._float("Conv" if is_conv else "MatMul", inputs, node.output[0], **attributes(product))
        return True

    def _dynamic_matmul(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        a, b, b_scale, b_zero, bias = [*node.input, "", ""][:5]
        return self._with_bias(node, [a, self._number(b, Scale(b_scale, b_zero, axis=-1))], bias)

    def _matmul_to_float(self, node: onnx.NodeProto, _found: Mapping[str, Any]) -> bool:
        a, b, a_scale, b_scale, a_zero, b_zero, bias = [*node.input, "", "", ""][:7]
        inputs = [self._number(a, Scale(a_scale, a_zero)), self._number(b, Scale(b_scale, b_zero, axis=-1))]
        return self._with_bias(node, inputs, bias)

    def _with_bias(self, node: onnx.NodeProto, inputs: Sequence[str], bias: str) -> bool:
        if bias:
            self._float("Add", [self._float("MatMul", inputs), bias], node.output[0])
        else:
            self._float("MatMul", inputs, node.output[0])
        return True


def _sorted(graph: onnx.GraphProto) -> _Nodes:
    """The nodes, each behind those whose outputs it reads; onnxruntime takes and writes files in another order, too."""
    links = Links(graph)
    before = {
        index: [links.producers[name] for name in reads if name in links.producers]
        for index, reads in enumerate(links.reads)
    }
    return [graph.node[index] for index in TopologicalSorter(before).static_order()]


def _scale_of(node: onnx.NodeProto, found: Mapping[str, Any]) -> Scale:
    scale, zero_point = [*node.input[1:3], ""][:2]
    return Scale(scale, zero_point, found.get("axis", 1), found.get("block_size", 0))
