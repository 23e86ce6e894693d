"""LSTM, GRU and RNN: as ncnn's layers where these compute the same, else step by step."""

from __future__ import annotations

import numpy as np

from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.unrolled import unrolled
from core.runtimes.predictor import Tensor

_GATES = {"LSTM": (0, 2, 1, 3), "GRU": (1, 0, 2), "RNN": (0,)}
"""ONNX's gates in ncnn's order: input, forget, output, cell; reset, update, new."""

_DIRECTIONS = {"forward": 0, "reverse": 1, "bidirectional": 2}
_ACTIVATIONS = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"], "RNN": ["tanh"]}


@operator("LSTM", "GRU", "RNN")
def _recurrent(node: Node) -> None:
    kind, direction = node.proto.op_type, str(node.attr("direction", "forward"))
    count = 2 if direction == "bidirectional" else 1
    _check_lengths(node)
    if not _has_layer(node, kind, count):
        unrolled(node)
        return
    weights = [np.asarray(node.required(index), np.float32) for index in (1, 2)]
    hidden = weights[1].shape[-1]
    length, _, size = node.shape()
    states = [node.blob(index).view(count, hidden) for index in (5, 6) if node.has(index)]
    arrays = [_gates(weights[0], kind), _bias(node, kind, count, hidden), _gates(weights[1], kind)]
    wanted = [index for index in range(1, len(node.proto.output)) if node.gives(index)]
    shapes: list[tuple[int, ...]] = [(length, count * hidden)]
    if wanted or states:
        shapes += [(count, hidden)] * (2 if kind == "LSTM" else 1)
    params = {0: hidden, 1: weights[0].size, 2: _DIRECTIONS[direction]}
    made = node.builder.layers(kind, [node.blob().view(length, size), *states], shapes, params, arrays)
    if node.gives(0):
        node.set(made[0], 0)
    for index in wanted:
        node.set(made[index], index)


def _has_layer(node: Node, kind: str, count: int) -> bool:
    """Whether ncnn's layer computes the same: of one sequence, with the usual activations and nothing besides."""
    activations = [name.decode().lower() for name in node.attr("activations", [])]
    has_resets_first = kind == "GRU" and not node.attr("linear_before_reset", 0)
    return (
        node.shape()[1] == 1
        and activations in ([], _ACTIVATIONS[kind] * count)
        and node.attr("clip") is None
        and not (node.attr("input_forget", 0) or node.has(7) or has_resets_first)
        and (kind != "LSTM" or node.has(5) == node.has(6))
    )


def _check_lengths(node: Node) -> None:
    if node.has(4):
        lengths = node.constant(4)
        if lengths is None or any(int(one) != node.shape()[0] for one in lengths.ravel()):
            raise NotExpressible("sequence lengths")


def _gates(weights: Tensor, kind: str) -> Tensor:
    """Rows of (directions, gates * hidden, inputs) in ncnn's order of gates."""
    order = _GATES[kind]
    blocks = weights.reshape(weights.shape[0], len(order), -1, weights.shape[2])
    return np.ascontiguousarray(blocks[:, order])


def _bias(node: Node, kind: str, count: int, hidden: int) -> Tensor:
    """One row for each gate; of a GRU, the new gate has two, for the input and for the hidden state."""
    order = _GATES[kind]
    given = np.asarray(node.required(3), np.float32) if node.has(3) else np.zeros((count, 2 * len(order) * hidden))
    both = given.reshape(count, 2, len(order), hidden)[:, :, order]
    total = both.sum(axis=1)
    if kind == "GRU":
        total = np.concatenate([total[:, :2], both[:, :1, 2], both[:, 1:, 2]], axis=1)
    return np.ascontiguousarray(total, np.float32)
