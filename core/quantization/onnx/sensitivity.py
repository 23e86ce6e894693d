"""How much of the answers' error each layer causes in 8 bit, found without making a model for each."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.job.comparison import NEGLIGIBLE_DIFFERENCE, OutputDifference
from core.metrics.similarity import ModelSimilarity
from core.quantization.observers.ranges import STEPS, Range
from core.quantization.onnx.excluded_nodes import CLIP_LIMITS, clip_limit_constants
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

ACCEPTABLE_NOISE_RATIO = 0.01
"""Noise of the whole model up to which all layers may compute in 8 bit: 20 dB."""

_AIM = 0.004
"""Noise from which on no more layers are spared: 24 dB."""

_POOR = 0.03
"""Noise above which more of the model may stay in float than usual: 15 dB."""

_ROOMS = (0.05, 0.3)
"""Of all weights that may stay in float, usually and where that leaves too much noise; each costs three bytes more."""

_SLACK = 1.25
"""Fewer layers are worth so much more noise than the least."""

_STEP = 1.5
"""How fast the number of spared layers grows in the trials."""

_SECONDS = 15.0
"""About how long layers may be tried; on a slow computer fewer samples are used."""

_FIRST = 3
"""Samples on which a good model is told at once."""

_CHOICES = 15
"""How many choices of layers are tried, about."""

_WORTH = 0.7
"""Share of the noise that may be left, for sparing to be worth it."""

_SHARES = ("Softmax", "LogSoftmax")
_SWITCHES = "__in_8_bit"


def select_nodes_to_exclude(
    model: onnx.ModelProto,
    rounded: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    samples: Sequence[Feeds],
) -> list[str]:
    """The layers that should stay in float, because 8 bit as a whole strays too far and they cause it.

    One model holds every layer twice, exact and rounded, and an input that chooses: so every layer
    can be tried without writing and loading a model for it. Layers are put in the order of the noise
    that each causes alone; how many of them are spared is found by trying.

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
    try:
        trial = _Trial(predictor, samples, len(layers))
        spared = _fewest(trial, np.array([math.prod(layer.shape) for layer in layers]))
        return [layers[place].node for place in spared]
    finally:
        predictor.close()


class _Trial:
    """Runs the model with any layers in 8 bit.

    Args:
        predictor: of the model with switches.
        samples: of which no more are used than there is time for.
        count: how many layers there are.
    """

    def __init__(self, predictor: OnnxPredictor, samples: Sequence[Feeds], count: int) -> None:
        self._predictor = predictor
        self.nothing = np.zeros(count, np.bool_)
        self._run(samples[0], self.nothing)  # the first run is slower than the others
        start = time.perf_counter()
        self._run(samples[0], self.nothing)
        affordable = _SECONDS / (time.perf_counter() - start)
        self.few = max(1, int(affordable / count))
        """Samples for which there is time with each layer alone."""
        self._samples = samples[: max(self.few, int(affordable / _CHOICES))]
        self._exact: list[Mapping[str, Tensor]] = []

    def noise(self, switches: Tensor, *, samples: int | None = None) -> tuple[float, float]:
        """Power of the difference over power of the answers: of the worst output, and the mean of all outputs.

        0.01 is an SQNR of 20 dB. It is taken over all samples together: one that finds nothing has no power.

        Args:
            switches: which layers are in 8 bit.
            samples: on how many it is tried; on all if None.
        """
        similarity = ModelSimilarity(self._predictor.outputs)
        for number, sample in enumerate(self._samples[:samples]):
            if number == len(self._exact):
                self._exact.append(self._run(sample, self.nothing))
            similarity.update(self._exact[number], self._run(sample, switches))
        ratios = [noise_ratio(difference) for difference in similarity.compute()]
        return max(ratios), float(np.mean(ratios))

    def _run(self, sample: Feeds, switches: Tensor) -> Mapping[str, Tensor]:
        return self._predictor.run({**sample, _SWITCHES: switches})


def noise_ratio(difference: OutputDifference) -> float:
    """Power of the difference over power of the output, or of its scores, if they stray more."""
    if difference.largest <= NEGLIGIBLE_DIFFERENCE:
        return 0.0
    if not math.isfinite(difference.largest):
        return math.inf
    scores = 0.0 if difference.scores is None else noise_ratio(difference.scores)
    # Where the source answers nothing but zeros, there is nothing to measure by.
    return max(scores, 10 ** (-difference.sqnr_db / 10) if math.isfinite(difference.sqnr_db) else 0.0)


def _fewest(trial: _Trial, sizes: Tensor) -> list[int]:
    """The smallest number of layers that takes away most of the noise; large ones only if the others do not do."""
    everything = ~trial.nothing
    if trial.noise(everything, samples=_FIRST)[0] <= _AIM:
        return []
    whole, _ = trial.noise(everything)
    if whole <= ACCEPTABLE_NOISE_RATIO:
        return []
    alone = np.array([trial.noise(only, samples=trial.few)[1] for only in np.eye(sizes.size, dtype=np.bool_)])
    best: tuple[float, list[int]] = (whole, [])
    for room in _ROOMS:
        order = _fitting(np.argsort(-alone, kind="stable").tolist(), sizes, room * float(sizes.sum()))
        tried = [best, *_trials(trial, order)]
        least = min(left for left, _ in tried)
        best = min((one for one in tried if one[0] <= _SLACK * max(least, _AIM)), key=lambda one: len(one[1]))
        if best[0] <= _POOR:
            break
    return best[1] if best[0] < _WORTH * whole else []


def _trials(trial: _Trial, order: list[int]) -> Iterator[tuple[float, list[int]]]:
    """More and more layers spared, with the noise that is left, until it is low."""
    count = 1.0
    while round(count) <= len(order):
        spared = order[: round(count)]
        switches = ~trial.nothing
        switches[spared] = False
        left, _ = trial.noise(switches)
        yield left, spared
        if left <= _AIM:
            return
        count = max(count * _STEP, count + 1)


def _fitting(order: list[int], sizes: Tensor, room: float) -> list[int]:
    """Those that fit into the room together, in their order."""
    chosen = []
    for place in order:
        if sizes[place] <= room:
            room -= sizes[place]
            chosen.append(place)
    return chosen


def _with_switches(
    model: onnx.ModelProto, rounded: Mapping[QuantizableLayer, QuantizedWeights], ranges: Mapping[str, Range]
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
    graph.initializer.extend(clip_limit_constants())
    _show_scores(graph)
    return switched


def _show_scores(graph: onnx.GraphProto) -> None:
    """Where the last step makes shares of scores, judge the scores: near a tie a share says nothing."""
    makers = {output: node for node in graph.node for output in node.output}
    for value in graph.output:
        maker = makers.get(value.name)
        if maker is not None and maker.op_type in _SHARES:
            value.name = maker.input[0]


def _append_values(graph: onnx.GraphProto, name: str, values: QuantizedWeights) -> None:
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
    graph.node.append(helper.make_node("Clip", [f"{prefix}_back", *CLIP_LIMITS], [f"{prefix}_same"]))
    return f"{prefix}_same"
