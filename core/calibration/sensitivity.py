"""How much of the answers' error each layer causes in 8 bit, found without making a model for each."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.calibration.layers import Layer
from core.calibration.mixed import LIMITS, limits
from core.calibration.thresholds import STEPS, Range
from core.calibration.weights import Rounded
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

GOOD_ENOUGH = 0.01
"""Noise of the whole model up to which all layers may compute in 8 bit: 20 dB."""

_AIM = 0.002
"""Sum of the layers' noise from which on no more are spared."""

_LEAST_SHARE = 0.01
"""A layer that causes less than this share of what is left is not worth its bytes and its time."""

_SPARED_SHARE = 0.05
"""Of all weights that may stay in float; the file grows by three bytes for each of them."""

_SECONDS = 15.0
"""About how long layers may be tried; on a slow computer fewer samples are used."""

_WORTH = 0.7
"""Share of the noise that may be left, for sparing to be worth it."""

_SQUASHING = ("Softmax", "LogSoftmax", "Sigmoid")
_SWITCHES = "__in_8_bit"


def layers_to_spare(
    model: onnx.ModelProto,
    rounded: Mapping[Layer, Rounded],
    ranges: Mapping[str, Range],
    samples: Sequence[Feeds],
) -> list[str]:
    """The layers that should stay in float, because 8 bit as a whole strays too far and they cause it.

    One model holds every layer twice, exact and rounded, and an input that chooses: so every layer
    can be tried without writing and loading a model for it. Errors of layers are taken as
    unrelated, so their powers add up; the choice is then tried as a whole.

    Args:
        model: in float; it is not changed.
        rounded: layer -> the numbers it computes with in 8 bit.
        ranges: of the tensors around the layers; what has none stays exact.
        samples: a few inputs.

    Returns:
        Names of nodes, the most harmful first; none, where 8 bit is good enough or nothing helps.
    """
    layers = list(rounded)
    if not layers or not samples:
        return []
    predictor = OnnxPredictor(_with_switches(model, rounded, ranges))
    sizes = np.array([math.prod(layer.shape) for layer in layers])
    try:
        nothing = np.zeros(len(layers), np.bool_)
        _run(predictor, samples[0], nothing)  # the first run is slower than the others
        start = time.perf_counter()
        _run(predictor, samples[0], nothing)
        samples = samples[: max(1, int(_SECONDS / (time.perf_counter() - start) / len(layers)))]
        exact = [_run(predictor, sample, nothing) for sample in samples]

        def caused(switches: Tensor) -> float:
            answers = (_run(predictor, sample, switches) for sample in samples)
            return float(np.mean([noise(one, other) for one, other in zip(exact, answers, strict=True)]))

        whole = caused(np.ones(len(layers), np.bool_))
        if whole <= GOOD_ENOUGH:
            return []
        alone = np.array([caused(switches) for switches in np.eye(len(layers), dtype=np.bool_)])
        spared = _most_harmful(alone, sizes)
        rest = np.ones(len(layers), np.bool_)
        rest[spared] = False
        return [layers[place].node for place in spared] if caused(rest) < _WORTH * whole else []
    finally:
        predictor.close()


def _most_harmful(alone: Tensor, sizes: Tensor) -> list[int]:
    """Layers in the order of their noise, until little is left; large ones only while the file stays small."""
    spared: list[int] = []
    room = _SPARED_SHARE * float(sizes.sum())
    for place in np.argsort(-alone, kind="stable").tolist():
        left = float(np.delete(alone, spared).sum())
        if left <= _AIM or alone[place] < _LEAST_SHARE * left:
            break
        if sizes[place] <= room:
            room -= sizes[place]
            spared.append(place)
    return spared


def noise(exact: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Power of the difference over power of the answer, mean of all outputs; 0.01 is an SQNR of 20 dB."""
    return float(np.mean([_ratio(exact[name], other[name]) for name in exact]))


def _ratio(exact: Tensor, other: Tensor) -> float:
    signal = exact.astype(np.float64)
    power = float((signal**2).sum())
    return float(((other - signal) ** 2).sum()) / power if power else 0.0


def _run(predictor: OnnxPredictor, sample: Feeds, switches: Tensor) -> Mapping[str, Tensor]:
    return predictor.run({**sample, _SWITCHES: switches})


def _with_switches(
    model: onnx.ModelProto, rounded: Mapping[Layer, Rounded], ranges: Mapping[str, Range]
) -> onnx.ModelProto:
    switched = onnx.ModelProto()
    switched.CopyFrom(model)
    graph = switched.graph
    graph.input.append(helper.make_tensor_value_info(_SWITCHES, TensorProto.BOOL, [len(rounded)]))
    places = {layer.node: number for number, layer in enumerate(rounded)}
    values = {layer.node: numbers for layer, numbers in rounded.items()}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.name not in values:
            graph.node.append(node)
            continue
        _append_values(graph, node.name, values[node.name])
        _append_both(graph, node, ranges, places[node.name], has_bias=values[node.name].bias is not None)
    graph.initializer.extend(limits())
    _show_scores(graph)
    return switched


def _show_scores(graph: onnx.GraphProto) -> None:
    """Where the last step makes shares of scores, judge the scores: near a tie a share says nothing."""
    makers = {output: node for node in graph.node for output in node.output}
    for value in graph.output:
        maker = makers.get(value.name)
        if maker is not None and maker.op_type in _SQUASHING:
            value.name = maker.input[0]


def _append_values(graph: onnx.GraphProto, name: str, values: Rounded) -> None:
    graph.initializer.append(numpy_helper.from_array(values.weights.astype(np.float32), f"{name}__rounded"))
    if values.bias is not None:
        graph.initializer.append(numpy_helper.from_array(values.bias.astype(np.float32), f"{name}__bias"))


def _append_both(
    graph: onnx.GraphProto, node: onnx.NodeProto, ranges: Mapping[str, Range], number: int, *, has_bias: bool
) -> None:
    """The node itself, its 8-bit twin, and the choice between their answers."""
    name, result = node.name, node.output[0]
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    twin.name = f"{name}__twin"
    twin.input[0] = _rounded(graph, node.input[0], ranges.get(node.input[0]), f"{name}__given")
    twin.input[1] = f"{name}__rounded"
    if len(twin.input) > 2 and has_bias:
        twin.input[2] = f"{name}__bias"
    twin.output[0] = f"{name}__8_bit"
    graph.node.append(twin)
    answer = _rounded(graph, twin.output[0], ranges.get(result), f"{name}__answer")
    node.output[0] = f"{name}__exact"
    graph.node.append(node)
    graph.initializer.append(numpy_helper.from_array(np.array(number, np.int64), f"{name}__number"))
    graph.node.append(helper.make_node("Gather", [_SWITCHES, f"{name}__number"], [f"{name}__switch"]))
    graph.node.append(helper.make_node("Where", [f"{name}__switch", answer, node.output[0]], [result]))


def _rounded(graph: onnx.GraphProto, tensor: str, covered: Range | None, prefix: str) -> str:
    """Append a round trip through 8 bit, where the tensor has a range."""
    if covered is None or covered[0] == covered[1]:
        return tensor
    scale = (covered[1] - covered[0]) / STEPS
    zero = np.clip(np.rint(-covered[0] / scale), 0, STEPS).astype(np.uint8)
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), f"{prefix}_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(zero), f"{prefix}_zero"))
    grid = [f"{prefix}_scale", f"{prefix}_zero"]
    graph.node.append(helper.make_node("QuantizeLinear", [tensor, *grid], [f"{prefix}_steps"]))
    graph.node.append(helper.make_node("DequantizeLinear", [f"{prefix}_steps", *grid], [f"{prefix}_back"]))
    # Between DequantizeLinear and QuantizeLinear onnxruntime would round the twin's weights once more (see mixed.py).
    graph.node.append(helper.make_node("Clip", [f"{prefix}_back", *LIMITS], [f"{prefix}_same"]))
    return f"{prefix}_same"
