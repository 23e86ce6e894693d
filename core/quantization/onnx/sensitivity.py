"""Sensitivity analysis: which layers cause the quantisation error, and the precision that each one needs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.comparison import NEGLIGIBLE_DIFFERENCE, OutputDifference
from core.metrics.prediction_noise import PredictionNoise
from core.metrics.similarity import ModelSimilarity
from core.onnx_model.cost import Cost, cost_by_node
from core.quantization.observers.ranges import Range
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights
from core.quantization.onnx.switched_model import FLOAT, SWITCHES, W8A8, W8A32, add_switches
from core.runtimes.mapped import MappedPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor


@dataclass(frozen=True)
class _NoiseLimits:
    """Noise ratios of the whole model."""

    acceptable: float
    """Up to this one no layer is excluded."""

    target: float
    """At this one no more layers are excluded."""

    budgets: tuple[tuple[float, float], ...]
    """Shares of all weights that may be stored in 16 bit, each with the noise ratio above which the next one is used.
    Such a weight takes one byte more."""

    work: tuple[tuple[float, float], ...] = ((0.1, 0.03), (0.3, 0.0))
    """Likewise the shares of all multiply-accumulates that may be computed in float, with weights of 8 bit."""


_OUTPUT_LIMITS: Mapping[AllowedChange, _NoiseLimits] = {
    "nothing": _NoiseLimits(
        acceptable=0.0013,
        target=0.0008,
        budgets=((0.05, 0.0013), (0.17, 0.002), (0.4, 0.0)),
        work=((0.1, 0.001), (0.4, 0.0)),
    ),
    "hardly": _NoiseLimits(
        acceptable=0.0025,
        target=0.0016,
        budgets=((0.05, 0.0025), (0.17, 0.004), (0.4, 0.0)),
        work=((0.1, 0.002), (0.4, 0.0)),
    ),
    "little": _NoiseLimits(acceptable=0.01, target=0.004, budgets=((0.05, 0.01), (0.17, 0.03), (0.3, 0.0))),
    "smallest": _NoiseLimits(acceptable=0.03, target=0.01, budgets=()),
}
"""Of outputs: SQNRs of 29 and 31 dB, 26 and 28, 20 and 24, 15 and 20. At 24 dB an efficientnet_lite0 kept 99.0% of its
answers, at 26.2 dB 99.5%."""

_PREDICTION_LIMITS: Mapping[AllowedChange, _NoiseLimits] = {
    "nothing": _NoiseLimits(
        acceptable=0.001,
        target=0.0005,
        budgets=((0.05, 0.0008), (0.17, 0.0015), (0.4, 0.0)),
        work=((0.1, 0.001), (0.4, 0.0)),
    ),
    "hardly": _NoiseLimits(
        acceptable=0.002,
        target=0.001,
        budgets=((0.05, 0.0015), (0.17, 0.003), (0.4, 0.0)),
        work=((0.1, 0.002), (0.4, 0.0)),
    ),
    "little": _NoiseLimits(acceptable=0.004, target=0.002, budgets=((0.05, 0.004), (0.17, 0.01), (0.3, 0.0))),
    "smallest": _NoiseLimits(acceptable=0.02, target=0.01, budgets=()),
}
"""Of predictions. Objects on either side of the threshold are few and weigh little, but they are what F1 counts: with a
noise ratio of 0.01 a YOLO26n kept 92.9% of its objects, with 0.001 98.2%."""

_TOLERANCE = 1.25
"""Fewer layers are preferred up to this factor over the least noise ratio."""

_COUNT_GROWTH = 1.5
"""Factor by which the number of excluded layers grows from trial to trial."""

_MAX_REMAINING_NOISE = 0.7
"""Share of the noise that may remain for an exclusion to be worth its bytes."""

_SECONDS = (6.0, 20.0)
"""For the ranking, and again for the trials after it, about. The second one where predictions count: few
samples hold few objects."""

_SECONDS_PER_MAC, _SECONDS_PER_VALUE, _SECONDS_PER_LAYER = 2e-11, 4e-10, 1e-4
"""Of one run of the model with switches, which is what the number of samples follows from. By the clock, the same job
would keep other layers on a busy computer."""

_SLOWEST = 4.0
"""Times as slow as that a computer may be before fewer samples are used after all."""

_FEWEST_RANKED, _FEWEST_TRIED = 2, 6
"""Samples for the ranking and for the trials, whatever the model costs: trials decide, and one sample shows little."""

_QUICK_SAMPLES = 3
"""Samples that are enough to accept a model whose noise is low."""

_EXPECTED_TRIALS = 25
"""Number of exclusions tried after the ranking, about."""

_CLOSER = 0.05
"""Share of the noise limits at which a file that is closer to the original than was asked for ends its search."""

_CLOSER_WORK = ((0.7, 0.0),)
"""Its share of the multiply-accumulates that are computed in float with weights of 8 bit."""

_CLOSER_BUDGETS = ((0.3, 0.0), (0.5, 0.0))
"""Its shares of weights in 16 bit; such a file is 40% of the original's size at most."""


@dataclass(frozen=True)
class Precisions:
    """What the search found: name of the node -> :data:`FLOAT` or :data:`W8A32`; all others compute in 8 bit."""

    chosen: Mapping[str, int] = field(default_factory=dict)
    """None where 8 bit is accurate enough or nothing helps."""

    smaller: Mapping[str, int] | None = None
    """With all layers in 8 bit: smaller and faster than what was chosen; None where that is what was chosen."""

    closer: Mapping[str, int] | None = None
    """With less noise than what was chosen, and larger; None where there is no such thing or it is not known."""

    noise: Mapping[str, float] = field(default_factory=dict)
    """Name of the node -> noise ratio with it alone in 8 bit; empty where all of 8 bit was accurate enough."""


def select_precisions(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    samples: Sequence[Feeds],
    noise: PredictionNoise | None = None,
    *,
    weight_only: Mapping[QuantizableLayer, QuantizedWeights] | None = None,
    change: AllowedChange = DEFAULT_CHANGE,
    others: bool = False,
) -> Precisions:
    """The layers that should not compute in 8 bit, where the quantisation error of the whole model is too large.

    Layers are ranked by the noise that each causes alone in 8 bit; how many of them are computed in float is found by
    trials, first with weights of 8 bit, which costs time but no bytes, then with weights in float. All of that runs in
    one model with a switch for each layer.

    Args:
        model: in float; it is not changed.
        weights: layer -> the values it computes with in 8 bit.
        ranges: of the tensors around the layers; what has none stays exact.
        samples: a few inputs, which GPTQ has not used.
        noise: how that of predictions is measured; None for that of the outputs.
        weight_only: layer -> the values of 8 bit with which it is computed in float; the same if None.
        change: how much the answers may change. Where only the size counts, no weights are stored in 16 bit.
        others: whether to look for what lies on either side of what is chosen, too.

    Returns:
        What was found.
    """
    layers = list(weights)
    if not layers or not samples:
        return Precisions()
    cost, macs = cost_by_node(model, {name: value.shape for name, value in samples[0].items()})
    predictor = MappedPredictor(add_switches(model, weights, ranges, weight_only=weight_only, logits=noise is None))
    try:
        switched = _SwitchedModel(predictor, samples, len(layers), noise, cost)
        search = _Search(
            switched,
            (_OUTPUT_LIMITS if noise is None else _PREDICTION_LIMITS)[change],
            np.array([math.prod(layer.shape) for layer in layers], np.float64),
            np.array([macs.get(layer.node, 0) for layer in layers], np.float64),
        )

        def by_node(rungs: Tensor) -> dict[str, int]:
            return {layer.node: int(rung) for layer, rung in zip(layers, rungs, strict=True) if rung != W8A8}

        chosen = by_node(search.run())
        alone = dict(zip((layer.node for layer in layers), search.noise_of_layers, strict=False))
        if not (chosen and others):
            return Precisions(chosen, noise=alone)
        closer = search.closer()
        return Precisions(chosen, {}, None if closer is None else by_node(closer), alone)
    finally:
        predictor.close()


def noise_of_ranges(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    samples: Sequence[Feeds],
    noise: PredictionNoise,
) -> float:
    """Noise ratio of the predictions with every layer in 8 bit; see :func:`select_nodes_to_exclude`."""
    cost, _ = cost_by_node(model, {name: value.shape for name, value in samples[0].items()})
    predictor = MappedPredictor(add_switches(model, weights, ranges, logits=False))
    try:
        switched = _SwitchedModel(predictor, samples, len(weights), noise, cost)
        return switched.noise_ratios(switched.all_in_8_bit)[0]
    finally:
        predictor.close()


class _SwitchedModel:
    """Runs the layers in any precisions, on as many samples as there is time for.

    Args:
        predictor: of the model with switches.
        samples: inputs.
        count: number of layers.
        noise: how that of predictions is measured; None for that of the outputs.
        cost: of the model without switches.
    """

    def __init__(
        self,
        predictor: OnnxPredictor,
        samples: Sequence[Feeds],
        count: int,
        noise: PredictionNoise | None,
        cost: Cost,
    ) -> None:
        self._predictor = predictor
        self._noise = noise
        self.all_in_float = np.full(count, FLOAT, np.int32)
        self.all_in_8_bit = np.full(count, W8A8, np.int32)
        self._answer(samples[0], self.all_in_float)  # the first run is slower than the others
        start = time.perf_counter()
        answer = self._answer(samples[0], self.all_in_float)
        if noise is not None:
            noise.measure(answer, answer)
        expected = _SECONDS_PER_MAC * cost.macs + _SECONDS_PER_VALUE * cost.activations + _SECONDS_PER_LAYER * count
        slowness = max(1.0, (time.perf_counter() - start) / (_SLOWEST * expected))
        runs = _SECONDS[noise is not None] / expected
        self.ranking_samples = int(max(1, _FEWEST_RANKED / slowness, runs / slowness / count))
        """Samples for which there is time with each layer alone."""
        tried = int(max(1, _FEWEST_TRIED / slowness, runs / slowness / _EXPECTED_TRIALS))
        self._samples = samples[: max(self.ranking_samples, tried)]
        self._expected: list[Any] = []

    def noise_ratios(self, precisions: Tensor, *, samples: int | None = None) -> tuple[float, float]:
        """Noise ratio of the worst output, and the mean over all outputs; or that of the predictions, as both.

        Powers are summed over all samples first: a sample in which nothing is found has no power of its own.

        Args:
            precisions: int32, shape (layers,).
            samples: number of samples; all if None.
        """
        pairs = self._pairs(self._samples[:samples], precisions)
        if self._noise is not None:
            ratio = self._noise.ratio(pairs)
            return ratio, ratio
        similarity = ModelSimilarity(self._predictor.outputs)
        for expected, made in pairs:
            similarity.update(expected, made)
        ratios = [noise_ratio(difference) for difference in similarity.compute()]
        return max(ratios), float(np.mean(ratios))

    def _pairs(self, samples: Sequence[Feeds], precisions: Tensor) -> Iterator[tuple[Any, Any]]:
        """Outputs, or predictions, in float and in 8 bit."""
        for number, sample in enumerate(samples):
            if number == len(self._expected):
                self._expected.append(self._answer(sample, self.all_in_float))
            yield self._expected[number], self._answer(sample, precisions)

    def _answer(self, sample: Feeds, precisions: Tensor) -> Any:
        outputs = self._run(sample, precisions)
        return outputs if self._noise is None else self._noise.predict(sample, outputs)

    def _run(self, sample: Feeds, precisions: Tensor) -> Mapping[str, Tensor]:
        return self._predictor.run({**sample, SWITCHES: precisions})


def noise_ratio(difference: OutputDifference) -> float:
    """Power of the error over power of the output (1/SQNR), or that of its scores, if it is higher."""
    if difference.largest <= NEGLIGIBLE_DIFFERENCE:
        return 0.0
    if not math.isfinite(difference.largest):
        return math.inf
    scores = 0.0 if difference.scores is None else noise_ratio(difference.scores)
    # An output that is all zeros has no power to divide by.
    return max(scores, 10 ** (-difference.sqnr_db / 10) if math.isfinite(difference.sqnr_db) else 0.0)


@dataclass(frozen=True)
class _Trial:
    noise: float
    precisions: Tensor


class _Search:
    """Finds the cheapest precisions that remove most of the noise; above the usual budgets only if need be.

    Args:
        switched: the model.
        limits: of its noise.
        sizes: weights of each layer.
        macs: its multiply-accumulates.
    """

    def __init__(self, switched: _SwitchedModel, limits: _NoiseLimits, sizes: Tensor, macs: Tensor) -> None:
        self._switched = switched
        self._limits = limits
        self._sizes = sizes
        self._macs = macs
        self.noise_of_layers: list[float] = []
        """The noise of each one alone, once they have been ranked."""

        self._chosen: _Trial | None = None

    def run(self) -> Tensor:
        """The precision of each layer."""
        switched, all_in_8_bit = self._switched, self._switched.all_in_8_bit
        if switched.noise_ratios(all_in_8_bit, samples=_QUICK_SAMPLES)[0] <= self._limits.target:
            return all_in_8_bit
        whole = _Trial(switched.noise_ratios(all_in_8_bit)[0], all_in_8_bit)
        if whole.noise <= self._limits.acceptable:
            return all_in_8_bit
        self._measure_layers()
        ranking, limits = self._ranking, self._limits
        best = self._lower(whole, ranking, W8A32, self._macs, limits.work, target=limits.target)
        best = self._lower(best, ranking, FLOAT, self._sizes, limits.budgets, target=limits.target)
        if best.noise >= _MAX_REMAINING_NOISE * whole.noise:
            return all_in_8_bit
        self._chosen = best
        return best.precisions

    def closer(self) -> Tensor | None:
        """Precisions above those that were chosen, for more bytes and time; None where there are none.

        Those with less noise, if there are any. Otherwise as many as are affordable: noise on a few samples then says
        no more, but answers on many may.
        """
        if self._chosen is None:
            return None
        target, ranking, chosen = _CLOSER * self._limits.target, self._ranking, self._chosen
        found = self._lower(chosen, ranking, W8A32, self._macs, _CLOSER_WORK, target=target)
        found = self._lower(found, ranking, FLOAT, self._sizes, _CLOSER_BUDGETS, target=target)
        if found.noise < _MAX_REMAINING_NOISE * chosen.noise:
            return found.precisions
        affordable = chosen.precisions.copy()
        for rung, costs, budget in ((W8A32, self._macs, _CLOSER_WORK), (FLOAT, self._sizes, _CLOSER_BUDGETS)):
            layers = _within_budget(ranking, costs, budget[0][0] * float(costs.sum()))
            affordable[layers] = np.minimum(affordable[layers], rung)
        return None if np.array_equal(affordable, chosen.precisions) else affordable

    def _measure_layers(self) -> None:
        for index in range(self._sizes.size):
            only = self._switched.all_in_float.copy()
            only[index] = W8A8
            self.noise_of_layers.append(self._switched.noise_ratios(only, samples=self._switched.ranking_samples)[1])

    @property
    def _ranking(self) -> list[int]:
        """Layers by the noise of each one alone, the most sensitive first."""
        return [int(index) for index in np.argsort(-np.array(self.noise_of_layers), kind="stable")]

    def _lower(
        self,
        best: _Trial,
        ranking: Sequence[int],
        rung: int,
        costs: Tensor,
        budgets: Sequence[tuple[float, float]],
        *,
        target: float,
    ) -> _Trial:
        """Bring more and more layers to a rung of the ladder, within budgets; the fewest that remove most noise."""
        for budget, enough in budgets:
            if best.noise <= target:
                break
            affordable = _within_budget(ranking, costs, budget * float(costs.sum()))
            trials = [best, *self._growing(best.precisions, affordable, rung, target)]
            least = max(min(trial.noise for trial in trials), target)
            best = next(trial for trial in trials if trial.noise <= _TOLERANCE * least)
            if best.noise <= enough:
                break
        return best

    def _growing(self, start: Tensor, ranking: Sequence[int], rung: int, target: float) -> Iterator[_Trial]:
        """Trials with more and more of the ranking at a rung, until the target is reached."""
        count = 1.0
        while round(count) <= len(ranking):
            precisions = start.copy()
            chosen = list(ranking[: round(count)])
            precisions[chosen] = np.minimum(precisions[chosen], rung)
            count = max(count * _COUNT_GROWTH, count + 1)
            if np.array_equal(precisions, start):
                continue
            trial = _Trial(self._switched.noise_ratios(precisions)[0], precisions)
            yield trial
            if trial.noise <= target:
                return


def _within_budget(ranking: Sequence[int], sizes: Tensor, budget: float) -> list[int]:
    """The layers that fit into the budget together (weights, in numbers), in their order."""
    chosen = []
    for index in ranking:
        if sizes[index] <= budget:
            budget -= sizes[index]
            chosen.append(index)
    return chosen
