"""The layers of a model that carry weights, and the tensors in which the result of each can be seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx

from core.onnx_model.graph import ONNX_DOMAINS
from core.onnx_model.links import Links

_OPERATORS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})

_SCALING = frozenset({"Mul", "Div", "Cast", "Identity"})
_AFFINE = _SCALING | {"Add", "Sub", "BatchNormalization"}
_ELEMENTWISE = _AFFINE | {
    *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Softplus", "Softsign", "Tanh"),
    *("Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Gelu", "Swish", "Erf", "Exp", "Pow", "Sqrt", "Neg", "Min", "Max"),
}


@dataclass(frozen=True)
class WeightedLayer:
    """A node of the main graph that has constant weights."""

    name: str
    """Name of the node, or of its output where the name is missing or not the only one of its kind."""

    operator: str
    weights: int
    """Number of elements of its weights; of a recurrent layer, of those for its input."""

    tensors: tuple[str, ...]
    """Its output, and then each tensor that replaces it behind a bias, a normalisation or an activation.

    Runtimes compute these in one step with the layer, so that only the last one may exist in another file.
    """


def weighted_layers(model: onnx.ModelProto) -> tuple[WeightedLayer, ...]:
    """The layers in the order of the graph, each with a name of its own.

    Args:
        model: a clean model; subgraphs are left out, since their tensors cannot be read from outside.
    """
    graph = model.graph
    constants = _constants(graph)
    names = Counter(node.name for node in graph.node)
    links = Links(graph)
    layers = []
    for node in graph.node:
        weights = _weights(node, constants)
        output = next(filter(None, node.output), "")
        if weights and output:
            name = node.name if node.name and names[node.name] == 1 else output
            layers.append(WeightedLayer(name, node.op_type, weights, _following(graph, links, output, constants)))
    return tuple(layers)


def _constants(graph: onnx.GraphProto) -> dict[str, int]:
    """Constant -> number of its elements."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            sizes[node.output[0]] = next((math.prod(one.t.dims) for one in node.attribute if one.HasField("t")), 1)
    return sizes


def _weights(node: onnx.NodeProto, constants: Mapping[str, int]) -> int:
    """Number of elements of its constant weights; 0 where it has none."""
    if node.op_type not in _OPERATORS or node.domain not in ONNX_DOMAINS:
        return 0
    inputs = node.input[:2] if node.op_type in ("MatMul", "Gemm") else node.input[1:2]
    return max((constants.get(name, 0) for name in inputs), default=0)


def _following(graph: onnx.GraphProto, links: Links, output: str, constants: Collection[str]) -> tuple[str, ...]:
    """The output, and the tensors that everything behind it reads in its place.

    These are computed element by element from it and constants alone, up to the first activation and what scales that:
    an activation may consist of several nodes, as ``x * sigmoid(x)`` does.
    """
    found, known, absorbed, is_activated = [output], {output}, set[int](), False
    while True:
        waiting = {reader for name in known for reader in links.readers.get(name, ())} - absorbed
        index = min(waiting, default=None)
        if index is None or not _is_elementwise(graph.node[index], links.reads[index], known, constants):
            return tuple(found)
        node = graph.node[index]
        if is_activated and known == {found[-1]} and node.op_type not in _SCALING:
            return tuple(found)
        absorbed.add(index)
        is_activated |= node.op_type not in _AFFINE
        known.add(node.output[0])
        if len(waiting) == 1:  # nothing else reads the tensors before
            found.append(node.output[0])
            known = {node.output[0]}


def _is_elementwise(
    node: onnx.NodeProto, reads: Collection[str], known: Collection[str], constants: Collection[str]
) -> bool:
    return (
        node.op_type in _ELEMENTWISE
        and node.domain in ONNX_DOMAINS
        and len([name for name in node.output if name]) == 1
        and all(name in known or name in constants for name in reads)
    )
