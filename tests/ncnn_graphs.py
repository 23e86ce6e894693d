"""Small random ONNX graphs of the kind that models for ncnn have: batch 1, float32, static shapes, sane weights.

``build(seed)`` gives the same graph each time; ``build(seed, layers=n)`` only its first n layers, so that a failure can
be shortened. Every layer looks at the shape that it gets, which ONNX's own shape inference tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

OPSETS = (11, 13, 16, 17, 18, 20, 21)
MOST_ELEMENTS = 6000
"""Of one tensor; layers that would give more are left out."""

VOCABULARY = 12
"""Integer inputs are below this, as the rows of the embedding tables."""

_TRIES = 40
_FLOAT, _INT64, _BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


class DoesNotFit(Exception):
    """The layer cannot take a tensor of this shape."""


@dataclass(frozen=True)
class RandomGraph:
    """A graph, and the layers that it was made of."""

    model: onnx.ModelProto
    layers: tuple[str, ...]


def build(seed: int, *, layers: int | None = None) -> RandomGraph:
    """A random graph.

    Args:
        seed: the same one gives the same graph.
        layers: how many of its layers to keep; None for all.
    """
    random = np.random.default_rng([seed, 20261])
    graph = _Graph(random, opset=int(random.choice(OPSETS)))
    count = int(random.integers(1, 7))
    tensor = graph.make_inputs()
    names: list[str] = []
    for _ in range(count if layers is None else min(count, layers)):
        name, tensor = _add_any(graph, tensor)
        names.append(name)
    return RandomGraph(graph.finish(tensor), tuple(names))


def _add_any(graph: _Graph, tensor: str) -> tuple[str, str]:
    """Try layers until one fits."""
    for _ in range(_TRIES):
        name = str(graph.random.choice(_NAMES, p=_CHANCES))
        start = graph.pick(tensor)
        before = len(graph.nodes)
        try:
            made = LAYERS[name](graph, start)
            graph.check_use(made)
            return name, made
        except DoesNotFit:
            graph.forget_after(before)
    return "none", tensor


def random_feeds(model: onnx.ModelProto, random: np.random.Generator) -> dict[str, Any]:
    """Inputs for a graph."""
    return {value.name: _random_input(value.type.tensor_type, random) for value in model.graph.input}


def _random_input(kind: Any, random: np.random.Generator) -> Any:
    shape = [dim.dim_value for dim in kind.shape.dim]
    if kind.elem_type == _INT64:
        return random.integers(0, VOCABULARY, shape)
    return random.standard_normal(shape).astype(np.float32)


class _Graph:
    """Adds nodes and knows the shape of every tensor."""

    def __init__(self, random: np.random.Generator, *, opset: int) -> None:
        self.random, self.opset = random, opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.infos: dict[str, tuple[int, tuple[int, ...]]] = {}
        """Tensor -> element type and shape."""
        self.known: dict[str, TensorProto] = {}
        self.made = 0

    # What layers are made of

    def shape(self, name: str) -> tuple[int, ...]:
        return self.infos[name][1]

    def rank(self, name: str) -> int:
        return len(self.shape(name))

    def const(self, values: Any) -> str:
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        name = f"w{len(self.weights)}"
        tensor = numpy_helper.from_array(array, name)
        self.weights.append(tensor)
        self.known[name] = tensor
        self.infos[name] = (tensor.data_type, array.shape)
        return name

    def normal(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> str:
        return self.const(mean + scale * self.random.standard_normal(shape))

    def node(
        self,
        operator: str,
        inputs: list[str],
        *,
        outputs: int = 1,
        shape: tuple[int, ...] | None = None,
        **attributes: Any,
    ) -> Any:
        """Add a node; its name of output, or a list of them.

        Args:
            operator: of ONNX.
            inputs: names of tensors.
            outputs: how many.
            shape: of the output, where it hangs on values and cannot be inferred.
            attributes: of the node.
        """
        names = [f"t{self.made + index}" for index in range(outputs)]
        node = helper.make_node(operator, inputs, names, f"{operator}_{self.made}", **attributes)
        if shape is None:
            self._infer(node)
        else:
            self.infos[names[0]] = (_FLOAT, shape)
        self.made += outputs
        self.nodes.append(node)
        return names if outputs > 1 else names[0]

    def _infer(self, node: onnx.NodeProto) -> None:
        fed = [name for name in dict.fromkeys(node.input) if name and name not in self.known]
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info(name, *self.infos[name]) for name in fed],
            [helper.make_empty_tensor_value_info(name) for name in node.output],
            [self.known[name] for name in dict.fromkeys(node.input) if name in self.known],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        try:
            done = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        except shape_inference.InferenceError as exc:
            raise DoesNotFit(str(exc)) from exc
        for value in done.graph.output:
            kind = value.type.tensor_type
            shape = tuple(dim.dim_value for dim in kind.shape.dim)
            if (
                not kind.HasField("shape")
                or min(shape, default=1) < 1
                or np.prod(shape, dtype=int) > MOST_ELEMENTS
                or len(shape) > 6
            ):
                raise DoesNotFit(value.name)
            self.infos[value.name] = (kind.elem_type, shape)

    def with_axes(self, operator: str, tensor: str, axes: list[int], *, since: int, **attributes: Any) -> str:
        """A node whose axes are an attribute below an opset, and an input from it on."""
        if self.opset < since:
            return self.node(operator, [tensor], axes=axes, **attributes)
        return self.node(operator, [tensor, self.const(np.array(axes, np.int64))], **attributes)

    def reshape(self, tensor: str, shape: list[int]) -> str:
        return self.node("Reshape", [tensor, self.const(np.array(shape, np.int64))])

    def transpose(self, tensor: str, perm: list[int]) -> str:
        return self.node("Transpose", [tensor], perm=perm)

    # Choices

    def choose(self, *values: Any) -> Any:
        return values[int(self.random.integers(len(values)))]

    def happens(self, chance: float) -> bool:
        return bool(self.random.random() < chance)

    def axis(self, tensor: str, *, first: int = 1) -> int:
        """An axis behind the batch, counted from the front or from the back."""
        rank = self.rank(tensor)
        if rank <= first:
            raise DoesNotFit
        axis = int(self.random.integers(first, rank))
        return axis - rank if self.happens(0.3) else axis

    def pick(self, last: str) -> str:
        """The last tensor, or now and then an earlier one, which makes branches."""
        others = [name for name in self._floats() if name != last]
        return str(self.choose(*others)) if others and self.happens(0.15) else last

    def partner(self, tensor: str, fits: Callable[[tuple[int, ...]], bool]) -> str:
        """Another tensor of a fitting shape, or one made from this one."""
        found = [name for name in self._floats() if name != tensor and fits(self.shape(name))]
        return str(self.choose(*found)) if found else self.node(self.choose("Relu", "Tanh", "Sigmoid"), [tensor])

    def _floats(self) -> list[str]:
        return [name for name, (kind, _) in self.infos.items() if kind == _FLOAT and name not in self.known]

    # Begin and end

    def make_inputs(self) -> str:
        random = self.random
        side = [int(size) for size in random.integers(4, 11, 3)]
        channels = int(self.choose(1, 3, 4, 6, 8, 12))
        kind = random.choice(
            ["image", "sequence", "audio", "vector", "volume", "ids", "heads", "rows"],
            p=[0.43, 0.19, 0.12, 0.08, 0.04, 0.07, 0.05, 0.02],
        )
        if kind == "ids":
            ids = self._input([1, side[0]], kind=_INT64)
            table = self.normal(VOCABULARY, int(self.choose(4, 6, 8)))
            return self.node("Gather", [table, ids])
        shape = {
            "image": [1, channels, side[0], side[1]],
            "sequence": [1, side[0], 2 * channels],
            "audio": [1, channels, 3 * side[0]],
            "vector": [1, 4 * channels],
            "volume": [1, min(channels, 4), 4, side[0] // 2 + 2, 4],
            "heads": [1, 2, side[0], 4 * self.choose(1, 2)],
            "rows": [side[0], 4 * channels],  # frames without a batch axis, as music models take them
        }[str(kind)]
        first = self._input(shape)
        if self.happens(0.12):
            shape = [size if self.happens(0.8) else 1 for size in shape]
            second = self._input(shape)
            return self.node(self.choose("Add", "Mul", "Sub", "Max"), [first, second])
        return first

    def _input(self, shape: list[int], *, kind: int = _FLOAT) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self.infos[name] = (kind, tuple(shape))
        return name

    def check_use(self, tensor: str) -> None:
        if self.infos[tensor][0] != _FLOAT or self.rank(tensor) == 0:
            raise DoesNotFit

    def forget_after(self, count: int) -> None:
        """Take back the nodes of a layer that did not fit."""
        for node in self.nodes[count:]:
            for name in node.output:
                self.infos.pop(name, None)
        del self.nodes[count:]

    def finish(self, last: str) -> onnx.ModelProto:
        """The model; its outputs are the last tensor and up to two others that nothing reads."""
        used = {name for node in self.nodes for name in node.input}
        made = {name for node in self.nodes for name in node.output if name}
        others = [name for name in self.infos if name in made and name not in used and name != last]
        if last not in made:
            last = self.node("Relu", [last])
        outputs = [last, *others[:2]]
        used |= set(outputs)
        inputs = [value for value in self.inputs if value.name in used | {i for n in self.nodes for i in n.input}]
        graph = helper.make_graph(
            self.nodes,
            "random",
            inputs,
            [helper.make_tensor_value_info(name, *self.infos[name]) for name in outputs],
            [tensor for tensor in self.weights if tensor.name in used | {i for n in self.nodes for i in n.input}],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


LAYERS: dict[str, Callable[[_Graph, str], str]] = {}
_WEIGHTS: dict[str, float] = {}


def _layer(weight: float = 1.0) -> Callable[[Callable[[_Graph, str], str]], Callable[[_Graph, str], str]]:
    """Register a function that adds a layer, with how often it is tried."""

    def register(function: Callable[[_Graph, str], str]) -> Callable[[_Graph, str], str]:
        name = function.__name__.removeprefix("_").rstrip("_")
        LAYERS[name], _WEIGHTS[name] = function, weight
        return function

    return register


def _need(condition: bool) -> None:
    if not condition:
        raise DoesNotFit


# Convolutions and pooling


def _window(g: _Graph, spatial: int, *, sizes: tuple[int, ...] = (1, 2, 3, 3, 5)) -> dict[str, Any]:
    """Kernel, strides, dilations and padding of a window."""
    kernel = [int(g.choose(*sizes))] * spatial
    if g.happens(0.25):
        kernel = [int(g.choose(*sizes)) for _ in range(spatial)]
    window: dict[str, Any] = {"kernel_shape": kernel}
    if g.happens(0.4):
        window["strides"] = [int(g.choose(1, 2, 2, 3)) for _ in range(spatial)] if g.happens(0.3) else [2] * spatial
    if g.happens(0.15):
        window["auto_pad"] = g.choose("SAME_UPPER", "SAME_LOWER", "VALID")
    elif g.happens(0.6):
        most = [size // 2 for size in kernel]
        window["pads"] = most * 2
        if g.happens(0.25):
            window["pads"] = [int(g.random.integers(0, size + 1)) for size in most * 2]
    return window


@_layer(5)
def _conv(g: _Graph, x: str) -> str:
    _need(3 <= g.rank(x) <= 5)
    channels, spatial = g.shape(x)[1], g.rank(x) - 2
    window = _window(g, spatial)
    if g.happens(0.15) and "auto_pad" not in window:
        window["dilations"] = [2] * spatial
    group = int(g.choose(1, 1, 1, channels, *(part for part in (2, 3, 4) if channels % part == 0)))
    made = group * int(g.choose(1, 1, 2, 3)) if group > 1 else int(g.choose(1, 4, 5, 8, 12))
    fan_in = channels // group * int(np.prod(window["kernel_shape"]))
    weights = [g.normal(made, channels // group, *window["kernel_shape"], scale=fan_in**-0.5)]
    weights += [g.normal(made, scale=0.3)] if g.happens(0.7) else []
    return g.node("Conv", [x, *weights], group=group, **window)


@_layer(1)
def _conv_batchnorm_activation(g: _Graph, x: str) -> str:
    return _activation(g, _batchnorm(g, _conv(g, x)))


@_layer(2)
def _conv_transpose(g: _Graph, x: str) -> str:
    _need(3 <= g.rank(x) <= 5)
    channels, spatial = g.shape(x)[1], g.rank(x) - 2
    window = _window(g, spatial, sizes=(1, 2, 3, 4))
    strides = window.get("strides", [1] * spatial)
    if "auto_pad" not in window and g.happens(0.3):
        window["output_padding"] = [int(g.random.integers(0, stride)) for stride in strides]
    if g.happens(0.1) and "auto_pad" not in window:
        window["dilations"] = [2] * spatial
    group = int(g.choose(1, 1, channels, *(part for part in (2, 3) if channels % part == 0)))
    per_group = int(g.choose(1, 2, 4)) if group > 1 else int(g.choose(1, 4, 6))
    weights = [g.normal(channels, per_group, *window["kernel_shape"], scale=(channels / group) ** -0.5)]
    weights += [g.normal(group * per_group, scale=0.3)] if g.happens(0.6) else []
    return g.node("ConvTranspose", [x, *weights], group=group, **window)


@_layer(2)
def _pool(g: _Graph, x: str) -> str:
    _need(3 <= g.rank(x) <= 5)
    window = _window(g, g.rank(x) - 2, sizes=(2, 3, 3))
    if g.happens(0.3) and "auto_pad" not in window:
        window["ceil_mode"] = 1
    if g.happens(0.5):
        return g.node("MaxPool", [x], **window)
    if g.happens(0.5):
        window["count_include_pad"] = int(g.choose(0, 1))
    return g.node("AveragePool", [x], **window)


@_layer(1)
def _global_pool(g: _Graph, x: str) -> str:
    _need(3 <= g.rank(x) <= 5)
    return g.node(g.choose("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"), [x])


@_layer(0.7)
def _squeeze_excite(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4)
    channels = g.shape(x)[1]
    y = g.node("GlobalAveragePool", [x])
    y = g.node("Relu", [g.node("Conv", [y, g.normal(4, channels, 1, 1), g.normal(4)])])
    y = g.node("Conv", [y, g.normal(channels, 4, 1, 1, scale=0.5), g.normal(channels)])
    return g.node("Mul", [x, g.node(g.choose("HardSigmoid", "Sigmoid"), [y])])


@_layer(1)
def _residual(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4)
    channels = g.shape(x)[1]
    y = g.node("Conv", [x, g.normal(channels, channels, 3, 3, scale=0.3 * channels**-0.5)], pads=[1] * 4)
    return g.node("Relu", [g.node("Add", [y, x] if g.happens(0.5) else [x, y])])


@_layer(0.5)
def _focus(g: _Graph, x: str) -> str:
    """Four strided slices, as YOLO begins."""
    _need(g.rank(x) == 4 and g.shape(x)[2] % 2 == 0 and g.shape(x)[3] % 2 == 0)
    parts = []
    for top, left in ((0, 0), (1, 0), (0, 1), (1, 1)):
        rows = _sliced(g, x, [top], [2**31 - 1], [2], [2])
        parts.append(_sliced(g, rows, [left], [2**31 - 1], [3], [2]))
    return g.node("Concat", parts, axis=1)


@_layer(0.6)
def _patches(g: _Graph, x: str) -> str:
    """Picture to tokens, as vision transformers begin."""
    _need(g.rank(x) == 4 and min(g.shape(x)[2:]) >= 2)
    y = g.node("Conv", [x, g.normal(8, g.shape(x)[1], 2, 2, scale=0.3)], strides=[2, 2])
    y = g.transpose(g.reshape(y, [1, 8, -1]), [0, 2, 1])
    if g.happens(0.5):
        y = g.node("Concat", [g.normal(1, 1, 8), y], axis=1)
    return g.node("Add", [y, g.normal(*g.shape(y), scale=0.3)])


# Products


@_layer(2)
def _gemm(g: _Graph, x: str) -> str:
    y = x
    if g.rank(x) == 3 and g.happens(0.6):
        y = g.with_axes("Squeeze", x, [0], since=13) if g.happens(0.5) else g.reshape(x, list(g.shape(x)[1:]))
    elif g.rank(x) > 2:
        y = g.node("Flatten", [x], axis=1)
    _need(g.rank(y) == 2)
    rows, inner = g.shape(y)
    turned = rows > 1 and g.happens(0.3)
    rows, inner = (inner, rows) if turned else (rows, inner)
    columns, turned_weight = int(g.choose(1, 3, 6, 8)), g.happens(0.5)
    weight = g.normal(*((columns, inner) if turned_weight else (inner, columns)), scale=inner**-0.5)
    bias: list[str] = []
    if g.happens(0.75):
        shape = g.choose((columns,), (columns,), (columns,), (1, columns), (rows, 1), (rows, columns), (1,), ())
        bias = [g.normal(*shape)]
    factors = {"alpha": float(g.choose(0.5, 2.0))} if g.happens(0.15) else {}
    factors |= {"beta": float(g.choose(0.5, 3.0))} if g.happens(0.15) else {}
    made = g.node("Gemm", [y, weight, *bias], transA=int(turned), transB=int(turned_weight), **factors)
    return g.with_axes("Unsqueeze", made, [0], since=13) if g.rank(x) == 3 and g.happens(0.7) else made


@_layer(3)
def _matmul(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 2)
    rows, inner = g.shape(x)[-2:]
    if g.happens(0.2):  # a constant on the left
        return g.node("MatMul", [g.normal(int(g.choose(1, 4, rows)), rows, scale=rows**-0.5), x])
    columns = int(g.choose(1, 4, 6, 8))
    shape = g.choose((inner, columns), (inner, columns), (inner, columns), (1, inner, columns), (inner,))
    if g.rank(x) >= 3 and g.happens(0.15):
        shape = (*g.shape(x)[1:-2], inner, columns)
    y = g.node("MatMul", [x, g.normal(*shape, scale=inner**-0.5)])
    return g.node("Add", [y, g.normal(columns)]) if g.shape(y)[-1] == columns and g.happens(0.5) else y


@_layer(1.5)
def _matmul_of_two(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 3)
    other = g.partner(x, lambda shape: shape == g.shape(x))
    perm = [*range(g.rank(x) - 2), g.rank(x) - 1, g.rank(x) - 2]
    y = g.node("MatMul", [x, g.transpose(other, perm)] if g.happens(0.5) else [g.transpose(other, perm), x])
    return g.node("Mul", [y, g.const(np.float32(0.2))])


@_layer(1)
def _attention(g: _Graph, x: str) -> str:
    """Several heads, as in transformers."""
    _need(g.rank(x) == 3)
    width, heads, length = g.shape(x)[2], 2, g.shape(x)[1]
    size = int(g.choose(2, 4))
    query, key, value = (
        g.reshape(_linear(g, x, width, heads * size), [g.choose(0, 1), length, heads, size]) for _ in range(3)
    )
    query, value = g.transpose(query, [0, 2, 1, 3]), g.transpose(value, [0, 2, 1, 3])
    scores = g.node("MatMul", [query, g.transpose(key, [0, 2, 3, 1])])
    scores = g.node(*g.choose(("Div", [scores, g.const(np.float32(size**0.5))]), ("Mul", [scores, g.const(0.5)])))
    if g.happens(0.4):
        mask = np.where(np.tri(length, dtype=bool), 0, -1e4).astype(np.float32)
        scores = g.node("Add", [scores, g.const(mask.reshape(g.choose((length, length), (1, 1, length, length))))])
    y = g.node("MatMul", [g.node("Softmax", [scores], axis=g.choose(-1, 3)), value])
    y = g.reshape(g.transpose(y, [0, 2, 1, 3]), [1, -1, heads * size])
    return g.node("Add", [_linear(g, y, heads * size, width), x])


def _linear(g: _Graph, x: str, inner: int, columns: int) -> str:
    y = g.node("MatMul", [x, g.normal(inner, columns, scale=inner**-0.5)])
    return g.node("Add", [g.normal(columns, scale=0.3), y]) if g.happens(0.7) else y


@_layer(1)
def _einsum(g: _Graph, x: str) -> str:
    _need(g.opset >= 12 and g.rank(x) in (3, 4))
    shape = g.shape(x)
    if g.rank(x) == 3:
        equation, other = g.choose(
            ("bij,bkj->bik", x),
            ("bij,jk->bik", (shape[2], 5)),
            ("bij->bji", None),
            ("bij,j->bi", (shape[2],)),
            ("bij,ki->bkj", (4, shape[1])),
        )
    else:
        equation, other = g.choose(
            ("bhid,bhjd->bhij", x),
            ("bchw,kc->bkhw", (5, shape[1])),
            ("bchw,cd->bdhw", (shape[1], 4)),
            ("bchw,bchv->bcwv", x),
            ("bhwc,hkc->bhwk", (shape[1], 3, shape[3])),
        )
    second = [] if other is None else [other if isinstance(other, str) else g.normal(*other, scale=other[-1] ** -0.5)]
    y = g.node("Einsum", [x, *second], equation=equation)
    return g.node("Mul", [y, g.const(0.2)]) if other == x else y


# Normalisations


@_layer(2)
def _batchnorm(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 2)
    channels = g.shape(x)[1]
    variance = g.const((0.3 + g.random.random(channels)).astype(np.float32))
    return g.node(
        "BatchNormalization",
        [x, g.normal(channels, scale=0.3, mean=1), *(g.normal(channels, scale=0.3) for _ in range(2)), variance],
        epsilon=float(g.choose(1e-5, 1e-3)),
    )


@_layer(1)
def _instancenorm(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 3 and np.prod(g.shape(x)[2:]) > 2)
    channels = g.shape(x)[1]
    return g.node("InstanceNormalization", [x, g.normal(channels, scale=0.3, mean=1), g.normal(channels)])


@_layer(1)
def _layernorm(g: _Graph, x: str) -> str:
    _need(g.opset >= 17 and g.rank(x) >= 2 and g.shape(x)[-1] > 2)
    axis = int(g.random.integers(1, g.rank(x))) if g.happens(0.3) else -1
    shape = g.shape(x)[axis:]
    weights = [g.normal(*shape, scale=0.3, mean=1), *([g.normal(*shape)] if g.happens(0.8) else [])]
    return g.node("LayerNormalization", [x, *weights], axis=axis if g.happens(0.5) else axis % g.rank(x))


@_layer(1)
def _layernorm_in_parts(g: _Graph, x: str) -> str:
    axis = g.axis(x)
    _need(g.shape(x)[axis] > 2)
    centred = g.node("Sub", [x, g.with_axes("ReduceMean", x, [axis], since=18, keepdims=1)])
    power = g.node("Pow", [centred, g.const(np.float32(2))]) if g.happens(0.6) else g.node("Mul", [centred, centred])
    variance = g.with_axes("ReduceMean", power, [axis], since=18, keepdims=1)
    y = g.node("Div", [centred, g.node("Sqrt", [g.node("Add", [variance, g.const(np.float32(1e-5))])])])
    if g.happens(0.8):
        shape = [g.shape(x)[axis], *[1] * (g.rank(x) - 1 - axis % g.rank(x))]
        y = g.node("Add", [g.node("Mul", [y, g.normal(*shape)]), g.normal(*shape)])
    return y


@_layer(0.6)
def _groupnorm(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 3 and g.shape(x)[1] % 2 == 0 and np.prod(g.shape(x)[1:]) > 8)
    channels = g.shape(x)[1]
    if g.opset >= 21 and g.happens(0.6):
        return g.node("GroupNormalization", [x, g.normal(channels, mean=1), g.normal(channels)], num_groups=2)
    y = g.node("InstanceNormalization", [g.reshape(x, [0, 2, -1]), g.const(np.ones(2)), g.const(np.zeros(2))])
    shape = [channels, *[1] * (g.rank(x) - 2)]
    y = g.reshape(y, list(g.shape(x)))
    return g.node("Add", [g.node("Mul", [y, g.normal(*shape)]), g.normal(*shape)])


@_layer(0.6)
def _lp_normalization(g: _Graph, x: str) -> str:
    if g.happens(0.5):
        return g.node("LpNormalization", [x], axis=g.axis(x), p=g.choose(2, 2, 1))
    axis = g.axis(x)
    length = g.with_axes("ReduceL2", x, [axis], since=18, keepdims=1)
    return g.node("Div", [x, g.node("Clip", [length, g.const(np.float32(1e-6))]) if g.happens(0.5) else length])


@_layer(0.3)
def _lrn(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4)
    return g.node("LRN", [x], size=int(g.choose(3, 5)), alpha=0.1, beta=0.75, bias=1.0)


# One tensor, number by number


@_layer(5)
def _activation(g: _Graph, x: str) -> str:
    simple: list[tuple[str, dict[str, float]]] = [
        *((name, {}) for name in ("Relu", "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Selu", "Elu")),
        *(("LeakyRelu", {"alpha": slope}) for slope in (0.01, 0.2)),
        *[("Elu", {"alpha": 0.5}), ("Celu", {"alpha": 1.5}), ("ThresholdedRelu", {"alpha": 0.5})],
        *[("HardSigmoid", {}), ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5})],
        *([("HardSwish", {})] * 2 if g.opset >= 14 else []),
        *([("Mish", {})] if g.opset >= 18 else []),
        *([("Gelu", {}), ("Gelu", {"approximate": "tanh"})] if g.opset >= 20 else []),
    ]
    name, attributes = g.choose(*simple)
    return g.node(name, [x], **attributes)


@_layer(2)
def _activation_in_parts(g: _Graph, x: str) -> str:
    """As exporters write what ONNX had no operator for."""
    kind = g.choose("silu", "gelu", "tanh_gelu", "mish", "hard_swish", "relu6", "quick_gelu")
    if kind == "silu":
        return g.node("Mul", [x, g.node("Sigmoid", [x])])
    if kind == "quick_gelu":
        return g.node("Mul", [x, g.node("Sigmoid", [g.node("Mul", [x, g.const(np.float32(1.702))])])])
    if kind == "mish":
        return g.node("Mul", [x, g.node("Tanh", [g.node("Softplus", [x])])])
    if kind == "relu6":
        return g.node("Clip", [x, g.const(np.float32(0)), g.const(np.float32(6))])
    if kind == "hard_swish":
        y = g.node("Clip", [g.node("Add", [x, g.const(np.float32(3))]), g.const(np.float32(0)), g.const(np.float32(6))])
        return g.node("Div", [g.node("Mul", [x, y]), g.const(np.float32(6))])
    if kind == "gelu":
        y = g.node("Add", [g.node("Erf", [g.node("Div", [x, g.const(2**0.5)])]), g.const(np.float32(1))])
    else:
        cube = g.node("Mul", [g.node("Pow", [x, g.const(np.float32(3))]), g.const(0.044715)])
        y = g.node("Tanh", [g.node("Mul", [g.node("Add", [x, cube]), g.const(0.7978845608)])])
        y = g.node("Add", [y, g.const(np.float32(1))])
    return g.node("Mul", [g.node("Mul", [x, y]), g.const(0.5)])


@_layer(1)
def _prelu(g: _Graph, x: str) -> str:
    _need(g.rank(x) >= 2)
    channels = [g.shape(x)[1], *[1] * (g.rank(x) - 2)]
    return g.node("PRelu", [x, g.normal(*g.choose(channels, channels, [1], [1, *channels], g.shape(x)[1:]), scale=0.3)])


@_layer(2)
def _unary(g: _Graph, x: str) -> str:
    name = g.choose(
        *("Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sin", "Cos", "Erf", "Sign"),
        *("Atan", "Asin", "Acos", "Identity", "Dropout", "Sinh", "Tan"),
    )
    if name in ("Log", "Sqrt", "Reciprocal"):
        x = g.node("Add", [g.node("Abs", [x]), g.const(0.3)])
    elif name in ("Exp", "Asin", "Acos", "Sinh", "Tan"):
        x = g.node("Tanh", [x])
    return g.node(name, [x])


@_layer(1)
def _clip(g: _Graph, x: str) -> str:
    low, high = g.const(-0.7), g.const(0.9)
    return g.node("Clip", [x, *g.choose([low, high], [low], ["", high], [low, ""])])


@_layer(1)
def _cast(g: _Graph, x: str) -> str:
    kind = g.choose(TensorProto.INT32, _INT64, _BOOL)
    whole = g.node("Cast", [g.node("Mul", [x, g.const(np.float32(3))])], to=kind)
    return g.node("Add", [g.node("Cast", [whole], to=_FLOAT), x])


@_layer(0.7)
def _pow(g: _Graph, x: str) -> str:
    if g.happens(0.5):
        return g.node("Pow", [x, g.const(np.float32(g.choose(2, 3)))])
    return g.node("Pow", [g.node("Add", [g.node("Abs", [x]), g.const(0.3)]), g.const(g.choose(0.5, 1.5, -0.5))])


# Two tensors, number by number


@_layer(4)
def _with_constant(g: _Graph, x: str) -> str:
    shape = [size if g.happens(0.6) else 1 for size in g.shape(x)]
    keep = int(g.random.integers(0, len(shape) + 1))
    shape = g.choose([], [1], shape, shape, shape[keep:], [g.shape(x)[-1]], [1, *shape])
    if g.happens(0.15):  # the constant is the larger one
        shape = [
            g.choose(2, 3) if own == 1 and at > 0 else size
            for at, (own, size) in enumerate(zip(g.shape(x), shape, strict=False))
        ]
    operator = g.choose("Add", "Sub", "Mul", "Div", "Max", "Min", "Add", "Mul")
    values = g.random.standard_normal(shape)
    other = g.const(np.where(values < 0, values - 0.4, values + 0.4) if operator == "Div" else values)
    if g.happens(0.3):
        x, other = other, g.node("Add", [g.node("Abs", [x]), g.const(0.4)]) if operator == "Div" else x
    return g.node(operator, [x, other])


@_layer(3)
def _with_tensor(g: _Graph, x: str) -> str:
    def broadcasts(shape: tuple[int, ...]) -> bool:
        return all(a == b or 1 in (a, b) for a, b in zip(reversed(shape), reversed(g.shape(x)), strict=False))

    other = g.partner(x, broadcasts)
    operator = g.choose("Add", "Sub", "Mul", "Div", "Max", "Min")
    if operator == "Div":
        other = g.node("Add", [g.node("Abs", [other]), g.const(0.4)])
    return g.node(operator, [x, other] if g.happens(0.6) or operator == "Div" else [other, x])


@_layer(1.5)
def _with_own_reduction(g: _Graph, x: str) -> str:
    """Broadcasting along every axis."""
    axes = [axis for axis in range(1, g.rank(x)) if g.happens(0.5)] or [g.axis(x)]
    reduced = g.with_axes(g.choose("ReduceMean", "ReduceMax"), x, axes, since=18, keepdims=1)
    return g.node(g.choose("Add", "Sub", "Mul", "Min"), [x, reduced] if g.happens(0.6) else [reduced, x])


@_layer(0.5)
def _many(g: _Graph, x: str) -> str:
    others = [g.partner(x, lambda shape: shape == g.shape(x)) for _ in range(int(g.choose(1, 2)))]
    return g.node(g.choose("Sum", "Mean", "Max", "Min"), [x, *others, *([g.normal(1)] if g.happens(0.3) else [])])


@_layer(1)
def _where(g: _Graph, x: str) -> str:
    if g.happens(0.3):
        shape = [size if g.happens(0.7) else 1 for size in g.shape(x)]
        condition = g.const(g.random.random(shape) < 0.6)
    else:
        names = ["Greater", "Less", *(["GreaterOrEqual", "LessOrEqual"] if g.opset >= 12 else [])]
        other = g.const(0.1) if g.happens(0.6) else g.partner(x, lambda shape: shape == g.shape(x))
        condition = g.node(g.choose(*names), [x, other])
        condition = g.node("Not", [condition]) if g.happens(0.2) else condition
    values = [x, g.choose(g.const(np.float32(-2)), g.normal(g.shape(x)[-1]), g.node("Neg", [x]))]
    return g.node("Where", [condition, *(values if g.happens(0.6) else reversed(values))])


@_layer(0.5)
def _compare(g: _Graph, x: str) -> str:
    """A comparison as numbers."""
    flags = [g.node(g.choose("Greater", "Less"), [x, g.const(limit)]) for limit in (-0.31, 0.42)]
    flag = g.node(g.choose("And", "Or"), flags) if g.happens(0.4) else flags[0]
    return g.node("Mul", [x, g.node("Cast", [flag], to=_FLOAT)])


# Shapes


@_layer(2)
def _concat(g: _Graph, x: str) -> str:
    axis = g.axis(x)
    at = axis % g.rank(x)

    def fits(shape: tuple[int, ...]) -> bool:
        return len(shape) == g.rank(x) and all(
            a == b for index, (a, b) in enumerate(zip(shape, g.shape(x), strict=True)) if index != at
        )

    parts = [x, g.partner(x, fits)]
    if g.happens(0.2):
        parts.append(g.normal(*(2 if index == at else size for index, size in enumerate(g.shape(x)))))
    g.random.shuffle(parts)
    return g.node("Concat", parts, axis=axis)


@_layer(1.5)
def _split(g: _Graph, x: str) -> str:
    axis = g.axis(x)
    size = g.shape(x)[axis]
    _need(size > 1)
    first = size // 2 if size % 2 == 0 and g.happens(0.5) else int(g.random.integers(1, size))
    lengths = [first, size - first]
    if g.opset < 13:
        a, b = g.node("Split", [x], outputs=2, axis=axis, split=lengths)
    else:
        a, b = g.node("Split", [x, g.const(np.array(lengths, np.int64))], outputs=2, axis=axis)
    if first * 2 == size and g.happens(0.6):
        return g.node("Mul", [a, g.node("Sigmoid", [b])])  # a gated linear unit
    return g.node("Concat", [b, a], axis=axis) if g.happens(0.7) else b


def _sliced(g: _Graph, x: str, *parts: list[int]) -> str:
    return g.node("Slice", [x, *(g.const(np.array(part, np.int64)) for part in parts)])


@_layer(2)
def _slice(g: _Graph, x: str) -> str:
    axes = sorted({g.axis(x) % g.rank(x) for _ in range(int(g.choose(1, 1, 2)))})
    starts, ends, steps = [], [], []
    for axis in axes:
        size = g.shape(x)[axis]
        _need(size > 1)
        start, end = sorted(map(int, g.random.choice(size + 1, 2, replace=False)))
        step = int(g.choose(1, 1, 1, 2, -1, -2))
        if step < 0:
            start, end = end - 1, (start - 1 if start else -(2**31))
        elif g.happens(0.3):
            start, end = start - size if start < size else start, 2**31 - 1
        starts, ends, steps = [*starts, start], [*ends, end], [*steps, step]
    return _sliced(g, x, starts, ends, axes, steps)


@_layer(1)
def _gather(g: _Graph, x: str) -> str:
    axis = g.axis(x)
    size = g.shape(x)[axis]
    indices = g.random.integers(-size if g.happens(0.3) else 0, size, int(g.choose(1, 2, 4)))
    return g.node("Gather", [x, g.const(np.int64(indices[0]) if g.happens(0.4) else indices)], axis=axis)


@_layer(2)
def _transpose(g: _Graph, x: str) -> str:
    first = 0 if g.happens(0.1) else 1
    order = [int(axis) for axis in g.random.permutation(np.arange(first, g.rank(x)))]
    return g.transpose(x, [0, *order][-g.rank(x) :])


@_layer(2)
def _reshape(g: _Graph, x: str) -> str:
    shape = list(g.shape(x))
    kind = g.choose("merge", "merge", "split", "flat", "any")
    if kind == "flat":
        return g.reshape(x, [g.choose(0, 1), -1])
    if kind == "any":
        count = int(np.prod(shape))
        parts = [part for part in (2, 3, 4, 6) if count % part == 0] or [1]
        return g.reshape(x, [1, int(g.choose(*parts)), -1])
    at = g.axis(x) % len(shape)
    if kind == "merge":
        _need(at + 1 < len(shape))
        new = [*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :]]
        last = at
    else:
        parts = [part for part in (2, 3, 4) if shape[at] % part == 0]
        _need(bool(parts) and len(shape) < 5)
        part = int(g.choose(*parts))
        new = [*shape[:at], *g.choose([part, shape[at] // part], [shape[at] // part, part]), *shape[at + 1 :]]
        last = at + 1
    if g.happens(0.3):
        new[last] = -1
    if g.happens(0.3):
        new[:at] = [0] * at
    return g.reshape(x, new)


@_layer(0.7)
def _reshape_by_shape(g: _Graph, x: str) -> str:
    """The size read from the tensor itself, as exporters of free sizes write it."""
    _need(g.rank(x) >= 3)
    shape = g.node("Shape", [x])
    sizes = [_sliced(g, shape, [0], [2]), g.const(np.array([-1], np.int64))]
    target = g.node("Concat", sizes, axis=0)
    return g.node("Reshape", [x, target], shape=(*g.shape(x)[:2], int(np.prod(g.shape(x)[2:]))))


@_layer(0.8)
def _flatten(g: _Graph, x: str) -> str:
    return g.node("Flatten", [x], axis=int(g.choose(1, 1, 1, -1, 2)))


@_layer(0.8)
def _unsqueeze(g: _Graph, x: str) -> str:
    _need(g.rank(x) <= 4)
    return g.with_axes("Unsqueeze", x, [int(g.random.integers(1, g.rank(x) + 1))], since=13)


@_layer(0.8)
def _squeeze(g: _Graph, x: str) -> str:
    ones = [axis for axis, size in enumerate(g.shape(x)) if size == 1 and axis > 0]
    _need(bool(ones) and g.rank(x) > 2)
    return g.with_axes("Squeeze", x, [int(g.choose(*ones))], since=13)


@_layer(0.6)
def _expand(g: _Graph, x: str) -> str:
    shape = [3 if size == 1 and at > 0 and g.happens(0.7) else g.choose(1, size) for at, size in enumerate(g.shape(x))]
    return g.node("Expand", [x, g.const(np.array(shape, np.int64))])


@_layer(0.6)
def _tile(g: _Graph, x: str) -> str:
    return g.node("Tile", [x, g.const(np.array([1, *(g.choose(1, 1, 2, 3) for _ in g.shape(x)[1:])], np.int64))])


@_layer(1.5)
def _pad(g: _Graph, x: str) -> str:
    mode = g.choose("constant", "constant", "reflect", "edge")
    counts = [[0, 0]]
    for size in g.shape(x)[1:]:
        most = min(3, size - 1) if mode == "reflect" else 3
        is_padded = g.happens(0.5) and most > 0
        counts.append([int(count) for count in g.random.integers(0, most + 1, 2)] if is_padded else [0, 0])
    if mode == "constant" and g.happens(0.1):
        counts[-1] = [-1, int(g.choose(0, 1))]
    pads = g.const(np.array(counts, np.int64).T.ravel())
    value = [g.const(g.choose(0.0, 0.0, 1.5, -1e3))] if mode == "constant" and g.happens(0.6) else []
    return g.node("Pad", [x, pads, *value], mode=mode)


@_layer(0.7)
def _depth_to_space(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4 and g.shape(x)[1] % 4 == 0)
    return g.node("DepthToSpace", [x], blocksize=2, mode=g.choose("DCR", "CRD"))


@_layer(0.5)
def _space_to_depth(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4 and g.shape(x)[2] % 2 == 0 and g.shape(x)[3] % 2 == 0)
    return g.node("SpaceToDepth", [x], blocksize=2)


@_layer(0.5)
def _channel_shuffle(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 4 and g.shape(x)[1] % 2 == 0)
    _, channels, height, width = g.shape(x)
    y = g.transpose(g.reshape(x, [1, 2, channels // 2, height, width]), [0, 2, 1, 3, 4])
    return g.reshape(y, [1, -1, height, width])


@_layer(1.5)
def _resize(g: _Graph, x: str) -> str:
    _need(g.rank(x) in (3, 4))
    mode = (
        g.choose("nearest", "nearest", "linear", "linear", "cubic") if g.rank(x) == 4 else g.choose("nearest", "linear")
    )
    how: dict[str, Any] = {"mode": mode}
    how["coordinate_transformation_mode"] = g.choose("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    if mode == "nearest":
        how["nearest_mode"] = g.choose("floor", "round_prefer_floor")
    if mode == "cubic":
        how["cubic_coeff_a"] = float(g.choose(-0.75, -0.5))
    shape = g.shape(x)
    scales = [1.0, 1.0, *(float(g.choose(2, 2, 3, 1.5, 0.5)) for _ in shape[2:])]
    roi = g.const(np.zeros(0, np.float32)) if g.opset < 13 else ""
    if g.happens(0.5):
        sizes = np.array([max(1, int(size * scale)) for size, scale in zip(shape, scales, strict=True)], np.int64)
        return g.node("Resize", [x, roi, roi, g.const(sizes)], **how)
    _need(all(int(size * scale) >= 1 for size, scale in zip(shape, scales, strict=True)))
    return g.node("Resize", [x, roi, g.const(np.array(scales, np.float32))], **how)


# Along an axis


@_layer(3)
def _reduce(g: _Graph, x: str) -> str:
    operator = g.choose(
        *("ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"),
        *("ReduceSumSquare", "ReduceLogSumExp", "ReduceProd", "ReduceLogSum"),
    )
    axes = sorted({g.axis(x) % g.rank(x) for _ in range(int(g.choose(1, 1, 2, 3)))})
    axes = [axis - g.rank(x) if g.happens(0.3) else axis for axis in axes]
    if operator == "ReduceLogSum":
        x = g.node("Add", [g.node("Abs", [x]), g.const(0.3)])
    keep = int(g.choose(0, 1))
    return g.with_axes(operator, x, axes, since=13 if operator == "ReduceSum" else 18, keepdims=keep)


@_layer(2)
def _softmax(g: _Graph, x: str) -> str:
    return g.node(g.choose("Softmax", "Softmax", "LogSoftmax"), [x], axis=g.axis(x))


@_layer(0.7)
def _argmax(g: _Graph, x: str) -> str:
    keep = int(g.choose(0, 1))
    places = g.node(g.choose("ArgMax", "ArgMax", "ArgMin"), [x], axis=g.axis(x), keepdims=keep)
    return g.node("Cast", [places], to=_FLOAT)


@_layer(0.5)
def _embedding(g: _Graph, x: str) -> str:
    """Rows of a table by the place of the largest number."""
    axis = g.axis(x)
    _need(g.rank(x) <= 4)
    places = g.node("ArgMax", [x], axis=axis, keepdims=0)
    return g.node("Gather", [g.normal(g.shape(x)[axis], 5), places])


@_layer(0.6)
def _cumsum(g: _Graph, x: str) -> str:
    axis = g.const(np.int64(g.axis(x)))
    return g.node("CumSum", [x, axis], exclusive=int(g.happens(0.2)), reverse=int(g.happens(0.2)))


@_layer(0.15)
def _topk(g: _Graph, x: str) -> str:
    axis = g.axis(x)
    _need(g.shape(x)[axis] > 2)
    values, _ = g.node("TopK", [x, g.const(np.array([2], np.int64))], outputs=2, axis=axis)
    return str(values)


@_layer(0.15)
def _gather_elements(g: _Graph, x: str) -> str:
    axis = g.axis(x) % g.rank(x)
    shape = [2 if at == axis else size for at, size in enumerate(g.shape(x))]
    return g.node("GatherElements", [x, g.const(g.random.integers(0, g.shape(x)[axis], shape))], axis=axis)


# Recurrent


@_layer(2)
def _recurrent(g: _Graph, x: str) -> str:
    _need(g.rank(x) == 3)
    operator, gates = g.choose(("LSTM", 4), ("LSTM", 4), ("GRU", 3), ("RNN", 1))
    width, hidden = g.shape(x)[2], int(g.choose(2, 3, 4))
    direction = g.choose("forward", "forward", "bidirectional", "reverse")
    ways = 2 if direction == "bidirectional" else 1
    inputs = [
        g.transpose(x, [1, 0, 2]),
        g.normal(ways, gates * hidden, width, scale=width**-0.5),
        g.normal(ways, gates * hidden, hidden, scale=0.5),
        g.normal(ways, 2 * gates * hidden, scale=0.3) if g.happens(0.75) else "",
    ]
    how: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if operator == "GRU":
        how["linear_before_reset"] = int(g.choose(1, 1, 0))
    if g.happens(0.3):
        inputs += ["", g.choose(g.const(np.zeros((ways, 1, hidden), np.float32)), g.normal(ways, 1, hidden))]
        inputs += [g.normal(ways, 1, hidden)] if operator == "LSTM" else []
    while not inputs[-1]:
        inputs.pop()
    every, last = g.node(operator, inputs, outputs=2, **how)
    if g.happens(0.25):
        return g.reshape(g.transpose(last, [1, 0, 2]), [1, ways * hidden])
    if ways == 1 and g.happens(0.6):
        return g.transpose(g.with_axes("Squeeze", every, [1], since=13), [1, 0, 2])
    return g.reshape(g.transpose(every, [2, 0, 1, 3]), [1, -1, ways * hidden])


_NAMES = tuple(LAYERS)
_CHANCES = np.array([_WEIGHTS[name] for name in _NAMES]) / sum(_WEIGHTS.values())
