"""Operators that onnxruntime's own optimiser writes when it saves a model -> the operators of ONNX they stand for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, shape_inference

from core.onnx_model.graph import ONNX_DOMAINS, attributes, copy_model, copy_node
from core.onnx_model.normalize.edit import Editor, rewrite_nodes
from core.onnx_model.normalize.later import OPSET, mark_as_later, raise_marked
from core.onnx_model.shapes import drop_data

_Spelled: TypeAlias = "list[onnx.NodeProto] | None"

_MICROSOFT = "com.microsoft"
_ACTIVATION_PARAMETERS = {
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "Selu": ("alpha", "gamma"),
}
_WITHOUT_PARAMETERS = frozenset({"Relu", "Sigmoid", "Tanh", "Softplus", "Softsign"})


def unfuse(model: onnx.ModelProto) -> bool:
    """Spell the fused operators out; those that are not known stay.

    LayerNormalization, which onnxruntime also takes at opsets that lack it, becomes the one of opset 17.
    """
    changed, is_later = False, False
    while True:  # ranks behind a fused operator are known once it is spelt out
        speller = _Speller(model)
        found = rewrite_nodes(model.graph, speller.spell)
        is_later |= speller.is_later
        changed |= found
        if not found:
            break
    if is_later:
        raise_marked(model)
    return changed


class _Speller:
    """Spells nodes of one model out."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.edit = Editor(model)
        self.is_later = False
        self._model = model
        self._ranks: dict[str, int] | None = None
        self._table: dict[str, Callable[[onnx.NodeProto, dict[str, Any]], _Spelled]] = {
            "FusedConv": self._conv,
            "FusedGemm": self._gemm,
            "FusedMatMul": self._matmul,
            "TransposeMatMul": self._matmul,
            "Gelu": self._gelu,
            "BiasGelu": self._gelu,
            "FastGelu": self._fast_gelu,
            "QuickGelu": self._quick_gelu,
            "LayerNormalization": self._layer_normalization,
            "SkipLayerNormalization": self._skip_normalization,
            "SimplifiedLayerNormalization": self._root_mean_square,
            "SkipSimplifiedLayerNormalization": self._skip_normalization,
        }

    def spell(self, node: onnx.NodeProto) -> _Spelled:
        """The nodes that a fused one stands for; None where it is not one, or cannot be spelt out."""
        is_own = node.op_type in ("LayerNormalization", "SimplifiedLayerNormalization")
        if node.domain != _MICROSOFT and not (is_own and node.domain in ONNX_DOMAINS):
            return None
        if node.op_type == "LayerNormalization" and self.edit.opset >= OPSET:
            return None
        spell = self._table.get(node.op_type)
        return None if spell is None or not node.input or not node.output else spell(node, attributes(node))

    def _conv(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        own = {name: value for name, value in found.items() if not name.startswith("activation")}
        parts = [helper.make_node("Conv", node.input[:3], node.output[:1], node.name, **own)]
        if len(node.input) > 3 and node.input[3]:  # a residual connection
            parts.append(self._behind(parts, "Add", node.input[3]))
        kind = found.get("activation", b"").decode()
        return self._activated(parts, kind, list(found.get("activation_params", [])))

    def _gemm(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        own = {name: value for name, value in found.items() if not name.startswith("activation")}
        parts = [helper.make_node("Gemm", node.input, node.output[:1], node.name, **own)]
        kind = found.get("activation", b"").decode()
        names = [f"activation_{name}" for name in _ACTIVATION_PARAMETERS.get(kind, ())]
        return self._activated(parts, kind, [found[name] for name in names if name in found])

    def _activated(self, parts: list[onnx.NodeProto], kind: str, parameters: Sequence[float]) -> _Spelled:
        """The nodes with an activation behind; None where it is not known."""
        if not kind:
            return parts
        if kind not in _WITHOUT_PARAMETERS and kind not in _ACTIVATION_PARAMETERS:
            return None
        given = dict(zip(_ACTIVATION_PARAMETERS.get(kind, ()), map(float, parameters), strict=False))
        if kind != "Clip" or self.edit.opset < 11:
            return [*parts, self._behind(parts, kind, **given)]
        limits = [self._number(value, f"clip_{name}") for name, value in given.items()]
        return [*parts, self._behind(parts, kind, *limits)]

    def _behind(
        self, parts: Sequence[onnx.NodeProto], operator: str, *inputs: str, **attributes: float
    ) -> onnx.NodeProto:
        """A node that reads the output of the last one, and takes over its name."""
        last = parts[-1]
        output, last.output[0] = last.output[0], self.edit.name(f"{last.output[0]}_before_{operator.lower()}")
        return self.edit.node(operator, [last.output[0], *inputs], output, **attributes)

    def _number(self, value: float, like: str) -> str:
        return self.edit.constant(np.array(value, np.float32), like)

    def _matmul(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        if found.get("transBatchA") or found.get("transBatchB") or len(node.input) < 2:
            return None
        parts: list[onnx.NodeProto] = []
        inputs = list(node.input[:2])
        for index, flag in enumerate(("transA", "transB")):
            if found.get(flag):
                rank = self._rank(inputs[index])
                if rank is None or rank < 2:
                    return None
                axes = [*range(rank - 2), rank - 1, rank - 2]
                parts.append(self.edit.node("Transpose", [inputs[index]], perm=axes))
                inputs[index] = parts[-1].output[0]
        alpha = float(found.get("alpha", 1.0))
        matmul = helper.make_node("MatMul", inputs, node.output[:1], node.name)
        if alpha == 1:
            return [*parts, matmul]
        return [*parts, matmul, self._behind([matmul], "Mul", self._number(alpha, f"{node.output[0]}_alpha"))]

    def _rank(self, name: str) -> int | None:
        values = self.edit.read(name)
        if values is not None:
            return values.ndim
        if self._ranks is None:
            self._ranks = _ranks(self._model)
        return self._ranks.get(name)

    def _gelu(self, node: onnx.NodeProto, _found: dict[str, Any]) -> _Spelled:
        """``0.5 x (1 + erf(x / sqrt 2))``."""
        x, parts = self._with_bias(node)
        parts.append(self.edit.node("Div", [x, self._number(math.sqrt(2), "sqrt_of_2")]))
        parts.append(self.edit.node("Erf", [parts[-1].output[0]]))
        parts.append(self.edit.node("Add", [parts[-1].output[0], self._number(1, "one")]))
        return [*parts, *self._half_of_product(x, parts[-1].output[0], node.output[0])]

    def _fast_gelu(self, node: onnx.NodeProto, _found: dict[str, Any]) -> _Spelled:
        """``0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))``."""
        x, parts = self._with_bias(node)
        parts.append(self.edit.node("Pow", [x, self._number(3, "three")]))
        parts.append(self.edit.node("Mul", [parts[-1].output[0], self._number(0.044715, "cubic")]))
        parts.append(self.edit.node("Add", [x, parts[-1].output[0]]))
        parts.append(self.edit.node("Mul", [parts[-1].output[0], self._number(math.sqrt(2 / math.pi), "slope")]))
        parts.append(self.edit.node("Tanh", [parts[-1].output[0]]))
        parts.append(self.edit.node("Add", [parts[-1].output[0], self._number(1, "one")]))
        return [*parts, *self._half_of_product(x, parts[-1].output[0], node.output[0])]

    def _half_of_product(self, x: str, factor: str, output: str) -> list[onnx.NodeProto]:
        product = self.edit.node("Mul", [x, factor])
        return [product, self.edit.node("Mul", [product.output[0], self._number(0.5, "half")], output)]

    def _with_bias(self, node: onnx.NodeProto) -> tuple[str, list[onnx.NodeProto]]:
        if len(node.input) < 2 or not node.input[1]:
            return node.input[0], []
        add = self.edit.node("Add", node.input[:2])
        return add.output[0], [add]

    def _quick_gelu(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        """``x sigmoid(alpha x)``."""
        scaled = self.edit.node("Mul", [node.input[0], self._number(found.get("alpha", 1.702), "alpha")])
        gate = self.edit.node("Sigmoid", [scaled.output[0]])
        return [scaled, gate, self.edit.node("Mul", [node.input[0], gate.output[0]], node.output[0])]

    def _layer_normalization(self, node: onnx.NodeProto, _found: dict[str, Any]) -> _Spelled:
        later = copy_node(node)
        later.domain = ""
        if self.edit.opset < OPSET:
            mark_as_later(later)
            self.is_later = True
        return [later]

    def _skip_normalization(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        """The sum of two tensors, normalised; inputs are x, skip, scale, and two biases that may be missing."""
        if any(node.output[1:3]) or len(node.input) < 3:
            return None
        is_simplified = node.op_type == "SkipSimplifiedLayerNormalization"
        given = [*node.input[3:5], "", ""]
        shift, bias = ("", given[0]) if is_simplified else (given[0], given[1])
        parts = [self.edit.node("Add", node.input[:2])]
        if bias:
            parts.append(self.edit.node("Add", [parts[-1].output[0], bias]))
        if len(node.output) > 3 and node.output[3]:
            parts[-1].output[0] = node.output[3]
        own = {"epsilon": found.get("epsilon", 1e-12 if not is_simplified else 1e-6), "axis": -1}
        inputs = [parts[-1].output[0], node.input[2], *([shift] if shift else [])]
        operator = "SimplifiedLayerNormalization" if is_simplified else "LayerNormalization"
        normalization = helper.make_node(operator, inputs, node.output[:1], node.name, **own)
        spell = self._root_mean_square if is_simplified else self._layer_normalization
        spelled = spell(normalization, own)
        return None if spelled is None else [*parts, *spelled]

    def _root_mean_square(self, node: onnx.NodeProto, found: dict[str, Any]) -> _Spelled:
        """``x / sqrt(mean(x^2) + epsilon) * scale`` over the last axis."""
        if any(node.output[1:]) or found.get("axis", -1) != -1 or len(node.input) < 2:
            return None
        x, scale = node.input[:2]
        square = self.edit.node("Mul", [x, x])
        mean = self._mean(square.output[0])
        shifted = self.edit.node("Add", [mean.output[0], self._number(found.get("epsilon", 1e-5), "epsilon")])
        root = self.edit.node("Sqrt", [shifted.output[0]])
        quotient = self.edit.node("Div", [x, root.output[0]])
        product = self.edit.node("Mul", [quotient.output[0], scale], node.output[0])
        return [square, mean, shifted, root, quotient, product]

    def _mean(self, x: str) -> onnx.NodeProto:
        if self.edit.opset < 18:
            return self.edit.node("ReduceMean", [x], axes=[-1], keepdims=1)
        return self.edit.node("ReduceMean", [x, self.edit.constant(np.array([-1]), "last_axis")], keepdims=1)


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Number of axes of each tensor of the main graph, as far as onnx can infer it."""
    copy = copy_model(model)
    drop_data(copy.graph)
    try:
        graph = shape_inference.infer_shapes(copy).graph
    except (RuntimeError, ValueError):
        graph = copy.graph
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    } | {tensor.name: len(tensor.dims) for tensor in graph.initializer}
