"""LSTM, GRU and RNN step by step, in the spellings for which ncnn has no layer: the formulas are those of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from core.onnx2ncnn.arithmetic import ABS, ADD, DIV, MUL, RSUB, binary, clip, same, scalar, unary
from core.onnx2ncnn.builder import Blob, Builder
from core.onnx2ncnn.node import Node, NotExpressible
from core.onnx2ncnn.operators.matrices import linear, product
from core.onnx2ncnn.operators.movements import concatenated, cropped
from core.runtimes.predictor import Tensor

_MAX_STEPS = 128
"""Each has layers of its own."""

_DEFAULTS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}
_ALPHAS = {"affine": 0.0, "leakyrelu": 0.01, "hardsigmoid": 0.2, "elu": 1.0, "scaledtanh": 0.0}
_BETAS = {"affine": 0.0, "hardsigmoid": 0.5, "scaledtanh": 0.0}
"""Activations with parameters, and onnxruntime's defaults."""

_Activation = Callable[[Blob], Blob]


def unrolled(node: Node) -> None:
    """Give the outputs of an LSTM, a GRU or an RNN.

    Raises:
        NotExpressible: the sequence is too long, or an activation is unknown.
    """
    length, batch, _ = node.shape()
    if length > _MAX_STEPS:
        raise NotExpressible("a long sequence, step by step")
    hidden = node.required(2).shape[-1]
    directions = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    backwards = directions[str(node.attr("direction", "forward"))]
    activations = list(_activations(node, len(backwards)))
    steps, last = list[Blob](), list[tuple[Blob, ...]]()
    for index, is_backward in enumerate(backwards):
        layer = _Layer(node, index, activations[index], batch, hidden)
        states = [_initial(node, place, index, batch, hidden) for place in layer.state_inputs]
        made, final = layer.run(states, is_backward=is_backward)
        steps.append(concatenated(node.builder, made, [(1, batch, hidden)] * length, 0))
        last.append(final)
    states_shape = [(1, batch, hidden)] * len(backwards)
    if node.gives(0):
        node.set(concatenated(node.builder, steps, [(length, *states_shape[0])] * len(backwards), 1), 0)
    for index in range(1, len(node.proto.output)):
        if node.gives(index):
            node.set(concatenated(node.builder, [final[index - 1] for final in last], states_shape, 0), index)


def _initial(node: Node, place: int, index: int, batch: int, hidden: int) -> Blob:
    """Shape (batch, hidden); zeros where it is not given."""
    if not node.has(place):
        return node.builder.constant(np.zeros((batch, hidden), np.float32))
    return cropped(node.builder, node.blob(place), node.shape(place), 0, index, index + 1).view(batch, hidden)


@dataclass(frozen=True)
class _Layer:
    """One direction of a recurrent layer."""

    node: Node
    index: int
    activations: Sequence[_Activation]
    batch: int
    hidden: int

    @cached_property
    def _weights(self) -> Mapping[tuple[int, int], Tensor]:
        """First and last gate -> their weights for the hidden state, shape (hidden, gates * hidden), one array each."""
        rows = np.asarray(self.node.required(2), np.float32)[self.index]
        parts = {"LSTM": [(0, 4)], "GRU": [(0, 2), (2, 3)], "RNN": [(0, 1)]}[self.node.proto.op_type]
        size = self.hidden
        return {(a, b): np.ascontiguousarray(rows[a * size : b * size].T) for a, b in parts}

    @property
    def state_inputs(self) -> tuple[int, ...]:
        """Numbers of the inputs that are initial states."""
        return (5, 6) if self.node.proto.op_type == "LSTM" else (5,)

    def run(self, states: list[Blob], *, is_backward: bool) -> tuple[list[Blob], tuple[Blob, ...]]:
        """The hidden state after each step, in the order of the sequence, and the last states."""
        weights = np.asarray(self.node.required(1), np.float32)[self.index]
        shape = self.node.shape()
        projected = linear(self.node.builder, self.node.blob(), shape, weights, self._input_bias())
        length, rows = shape[0], (shape[0], self.batch * weights.shape[0])
        made: list[Blob] = []
        step = {"LSTM": self._lstm, "GRU": self._gru, "RNN": self._rnn}[self.node.proto.op_type]
        for time in reversed(range(length)) if is_backward else range(length):
            now = cropped(self.node.builder, projected.view(*rows), rows, 0, time, time + 1)
            states = step(now.view(self.batch, weights.shape[0]), states)
            made.append(states[0])
        return made[::-1] if is_backward else made, tuple(states)

    def _biases(self) -> Tensor:
        """Of the input and of the hidden state, shape (2, gates * hidden)."""
        if not self.node.has(3):
            return np.zeros((2, self.node.required(1).shape[1]), np.float32)
        biases: Tensor = np.asarray(self.node.required(3), np.float32)[self.index].reshape(2, -1)
        return biases

    def _input_bias(self) -> Tensor:
        """Both biases, except for that of a GRU's new gate which is multiplied by the reset gate."""
        of_input, of_state = self._biases()
        if self.node.proto.op_type == "GRU" and self.node.attr("linear_before_reset", 0):
            of_state = np.concatenate([of_state[: 2 * self.hidden], np.zeros(self.hidden, np.float32)])
        return np.asarray(of_input + of_state, np.float32)

    def _recurrent(self, state: Blob, start: int, end: int) -> Blob:
        """The state times the weights of some gates."""
        weights = self._weights[start, end]
        shape = (self.batch, self.hidden)
        return product(self.node.builder, state, shape, self.node.builder.constant(weights), weights.shape)

    def _gate(self, gates: Blob, number: int) -> Blob:
        shape = (self.batch, gates.size // self.batch)
        return cropped(
            self.node.builder, gates.view(*shape), shape, 1, number * self.hidden, (number + 1) * self.hidden
        )

    def _activated(self, number: int, gate: Blob) -> Blob:
        limit = self.node.attr("clip")
        gate = gate if limit is None else clip(self.node.builder, gate, -limit, limit)
        return self.activations[number](gate)

    def _peeped(self, gate: Blob, cell: Blob, number: int) -> Blob:
        """The gate with what it sees of the cell."""
        if not self.node.has(7):
            return gate
        rows = np.asarray(self.node.required(7), np.float32)[self.index].reshape(3, self.hidden)
        builder, shape = self.node.builder, (self.batch, self.hidden)
        seen = binary(builder, MUL, cell, shape, builder.constant(rows[number]), (self.hidden,))
        return same(builder, ADD, gate, seen)

    def _rnn(self, now: Blob, states: list[Blob]) -> list[Blob]:
        return [self._activated(0, same(self.node.builder, ADD, now, self._recurrent(states[0], 0, 1)))]

    def _gru(self, now: Blob, states: list[Blob]) -> list[Blob]:
        builder, (state,) = self.node.builder, states
        both = self._recurrent(state, 0, 2)
        update, reset = (
            self._activated(0, same(builder, ADD, self._gate(now, number), self._gate(both, number)))
            for number in (0, 1)
        )
        if self.node.attr("linear_before_reset", 0):
            bias = builder.constant(self._biases()[1][2 * self.hidden :])
            shifted = binary(
                builder, ADD, self._recurrent(state, 2, 3), (self.batch, self.hidden), bias, (self.hidden,)
            )
            from_state = same(builder, MUL, reset, shifted)
        else:
            from_state = self._recurrent(same(builder, MUL, reset, state), 2, 3)
        new = self._activated(1, same(builder, ADD, self._gate(now, 2), from_state))
        kept = same(builder, MUL, update, state)
        return [same(builder, ADD, same(builder, MUL, scalar(builder, RSUB, update, 1.0), new), kept)]

    def _lstm(self, now: Blob, states: list[Blob]) -> list[Blob]:
        builder, (state, cell) = self.node.builder, states
        gates = same(builder, ADD, now, self._recurrent(state, 0, 4))
        enter, out, forget, new = (self._gate(gates, number) for number in range(4))
        enter = self._activated(0, self._peeped(enter, cell, 0))
        if self.node.attr("input_forget", 0):
            forget = scalar(builder, RSUB, enter, 1.0)
        else:
            forget = self._activated(0, self._peeped(forget, cell, 2))
        entered = same(builder, MUL, enter, self._activated(1, new))
        cell = same(builder, ADD, same(builder, MUL, forget, cell), entered)
        out = self._activated(0, self._peeped(out, cell, 1))
        return [same(builder, MUL, out, self.activations[2](cell)), cell]


def _activations(node: Node, directions: int) -> Iterator[list[_Activation]]:
    """For each direction; parameters are taken in turn by the functions that have some."""
    defaults = _DEFAULTS[node.proto.op_type]
    names = [name.decode().lower() for name in node.attr("activations", [])] or list(defaults) * directions
    alphas, betas = iter(node.attr("activation_alpha", [])), iter(node.attr("activation_beta", []))
    made: list[_Activation] = []
    for name in names:
        alpha = float(next(alphas, _ALPHAS[name])) if name in _ALPHAS else 0.0
        beta = float(next(betas, _BETAS[name])) if name in _BETAS else 0.0
        made.append(partial(_activation, node.builder, name, alpha, beta))
    for start in range(0, len(made), len(defaults)):
        yield made[start : start + len(defaults)]


def _activation(builder: Builder, name: str, alpha: float, beta: float, blob: Blob) -> Blob:
    layers: dict[str, tuple[str, dict[int, float]]] = {
        "sigmoid": ("Sigmoid", {}),
        "tanh": ("TanH", {}),
        "relu": ("ReLU", {}),
        "leakyrelu": ("ReLU", {0: alpha}),
        "elu": ("ELU", {0: alpha}),
        "softplus": ("Softplus", {}),
        "hardsigmoid": ("HardSigmoid", {0: alpha, 1: beta}),
    }
    if name in layers:
        kind, params = layers[name]
        return builder.layer(kind, [blob], blob.shape, params)
    if name == "affine":
        return scalar(builder, ADD, scalar(builder, MUL, blob, alpha), beta)
    if name == "scaledtanh":
        inner = scalar(builder, MUL, blob, beta)
        return scalar(builder, MUL, builder.layer("TanH", [inner], inner.shape), alpha)
    if name == "softsign":
        return same(builder, DIV, blob, scalar(builder, ADD, unary(builder, ABS, blob), 1.0))
    raise NotExpressible(f"the activation {name}")
