"""Sensitivity analysis: which layers cause the quantisation error, and the fewest to exclude from 8 bit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from core.job.comparison import NEGLIGIBLE_DIFFERENCE, OutputDifference
from core.metrics.prediction_noise import NoiseSum, PredictionNoise
from core.metrics.similarity import ModelSimilarity
from core.quantization.observers.ranges import Range
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights
from core.quantization.onnx.switched_model import SWITCHES, add_switches
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
    """Shares of all weights that may stay in float, each with the noise ratio above which the next one is used. A
    weight in float takes three bytes more."""


_OUTPUT_LIMITS = _NoiseLimits(acceptable=0.01, target=0.004, budgets=((0.05, 0.03), (0.3, 0.0)))
"""Of outputs: SQNRs of 20 and 24 dB; 15 dB for the larger budget."""

_PREDICTION_LIMITS = _NoiseLimits(acceptable=0.002, target=0.001, budgets=((0.05, 0.004), (0.12, 0.01), (0.3, 0.0)))
"""Of predictions. Objects on either side of the threshold are few and weigh little, but they are what F1 counts: with a
noise ratio of 0.01 a YOLO26n kept 92.9% of its objects, with 0.001 98.2%."""

_TOLERANCE = 1.25
"""Fewer layers are preferred up to this factor over the least noise ratio."""

_COUNT_GROWTH = 1.5
"""Factor by which the number of excluded layers grows from trial to trial."""

_MAX_REMAINING_NOISE = 0.7
"""Share of the noise that may remain for an exclusion to be worth its bytes."""

_TIME_BUDGET = 15.0
"""Seconds for the analysis, about; on a slow computer fewer samples are used."""

_QUICK_SAMPLES = 3
"""Samples that are enough to accept a model whose noise is low."""

_EXPECTED_TRIALS = 15
"""Number of exclusions tried after the ranking, about."""


def select_nodes_to_exclude(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    samples: Sequence[Feeds],
    noise: PredictionNoise | None = None,
) -> list[str]:
    """The layers that should stay in float, where the quantisation error of the whole model is too large.

    Layers are ranked by the noise that each causes alone in 8 bit; how many of them are excluded is found by
    trials. All of that runs in one model with a switch for each layer.

    Args:
        model: in float; it is not changed.
        weights: layer -> the values it computes with in 8 bit.
        ranges: of the tensors around the layers; what has none stays exact.
        samples: a few inputs, which GPTQ has not used.
        noise: how that of predictions is measured; None for that of the outputs.

    Returns:
        Names of nodes, the most sensitive first; none where 8 bit is accurate enough or no exclusion helps.
    """
    layers = list(weights)
    if not layers or not samples:
        return []
    predictor = OnnxPredictor(add_switches(model, weights, ranges, logits=noise is None))
    try:
        switched = _SwitchedModel(predictor, samples, len(layers), noise)
        excluded = _fewest_layers(switched, np.array([math.prod(layer.shape) for layer in layers]))
        return [layers[index].node for index in excluded]
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
    predictor = OnnxPredictor(add_switches(model, weights, ranges, logits=False))
    try:
        switched = _SwitchedModel(predictor, samples, len(weights), noise)
        return switched.noise_ratios(~switched.all_in_float)[0]
    finally:
        predictor.close()


class _SwitchedModel:
    """Runs any subset of the layers in 8 bit, on as many samples as there is time for.

    Args:
        predictor: of the model with switches.
        samples: inputs.
        count: number of layers.
        noise: how that of predictions is measured; None for that of the outputs.
    """

    def __init__(
        self, predictor: OnnxPredictor, samples: Sequence[Feeds], count: int, noise: PredictionNoise | None
    ) -> None:
        self._predictor = predictor
        self._noise = noise
        self.limits = _OUTPUT_LIMITS if noise is None else _PREDICTION_LIMITS
        self.all_in_float = np.zeros(count, np.bool_)
        self._answer(samples[0], self.all_in_float)  # the first run is slower than the others
        start = time.perf_counter()
        answer = self._answer(samples[0], self.all_in_float)
        if noise is not None:
            noise.measure(answer, answer)
        affordable_runs = _TIME_BUDGET / (time.perf_counter() - start)
        self.ranking_samples = max(1, int(affordable_runs / count))
        """Samples for which there is time with each layer alone."""
        self._samples = samples[: max(self.ranking_samples, int(affordable_runs / _EXPECTED_TRIALS))]
        self._expected: list[Any] = []

    def noise_ratios(self, in_8_bit: Tensor, *, samples: int | None = None) -> tuple[float, float]:
        """Noise ratio of the worst output, and the mean over all outputs; or that of the predictions, as both.

        Powers are summed over all samples first: a sample in which nothing is found has no power of its own.

        Args:
            in_8_bit: bool, shape (layers,).
            samples: number of samples; all if None.
        """
        pairs = self._pairs(self._samples[:samples], in_8_bit)
        if self._noise is not None:
            total = NoiseSum(self._noise)
            for expected, made in pairs:
                total.update(expected, made)
            return total.ratio, total.ratio
        similarity = ModelSimilarity(self._predictor.outputs)
        for expected, made in pairs:
            similarity.update(expected, made)
        ratios = [noise_ratio(difference) for difference in similarity.compute()]
        return max(ratios), float(np.mean(ratios))

    def _pairs(self, samples: Sequence[Feeds], in_8_bit: Tensor) -> Iterator[tuple[Any, Any]]:
        """Outputs, or predictions, in float and in 8 bit."""
        for number, sample in enumerate(samples):
            if number == len(self._expected):
                self._expected.append(self._answer(sample, self.all_in_float))
            yield self._expected[number], self._answer(sample, in_8_bit)

    def _answer(self, sample: Feeds, in_8_bit: Tensor) -> Any:
        outputs = self._run(sample, in_8_bit)
        return outputs if self._noise is None else self._noise.predict(sample, outputs)

    def _run(self, sample: Feeds, in_8_bit: Tensor) -> Mapping[str, Tensor]:
        return self._predictor.run({**sample, SWITCHES: in_8_bit})


def noise_ratio(difference: OutputDifference) -> float:
    """Power of the error over power of the output (1/SQNR), or that of its scores, if it is higher."""
    if difference.largest <= NEGLIGIBLE_DIFFERENCE:
        return 0.0
    if not math.isfinite(difference.largest):
        return math.inf
    scores = 0.0 if difference.scores is None else noise_ratio(difference.scores)
    # An output that is all zeros has no power to divide by.
    return max(scores, 10 ** (-difference.sqnr_db / 10) if math.isfinite(difference.sqnr_db) else 0.0)


def _fewest_layers(switched: _SwitchedModel, sizes: Tensor) -> list[int]:
    """The smallest exclusion that removes most of the noise; above the usual budget only if need be."""
    all_in_8_bit, limits = ~switched.all_in_float, switched.limits
    if switched.noise_ratios(all_in_8_bit, samples=_QUICK_SAMPLES)[0] <= limits.target:
        return []
    whole, _ = switched.noise_ratios(all_in_8_bit)
    if whole <= limits.acceptable:
        return []
    sensitivity = np.array(
        [
            switched.noise_ratios(only, samples=switched.ranking_samples)[1]
            for only in np.eye(sizes.size, dtype=np.bool_)
        ]
    )
    best: tuple[float, list[int]] = (whole, [])
    for budget, enough in limits.budgets:
        ranking = _within_budget(np.argsort(-sensitivity, kind="stable").tolist(), sizes, budget * float(sizes.sum()))
        trials = [best, *_growing_exclusions(switched, ranking)]
        least = max(min(ratio for ratio, _ in trials), limits.target)
        best = min((trial for trial in trials if trial[0] <= _TOLERANCE * least), key=lambda trial: len(trial[1]))
        if best[0] <= enough:
            break
    return best[1] if best[0] < _MAX_REMAINING_NOISE * whole else []


def _growing_exclusions(switched: _SwitchedModel, ranking: list[int]) -> Iterator[tuple[float, list[int]]]:
    """Noise ratio and excluded layers, for more and more of the ranking, until the target is reached."""
    count = 1.0
    while round(count) <= len(ranking):
        excluded = ranking[: round(count)]
        in_8_bit = ~switched.all_in_float
        in_8_bit[excluded] = False
        remaining, _ = switched.noise_ratios(in_8_bit)
        yield remaining, excluded
        if remaining <= switched.limits.target:
            return
        count = max(count * _COUNT_GROWTH, count + 1)


def _within_budget(ranking: list[int], sizes: Tensor, budget: float) -> list[int]:
    """The layers that fit into the budget together (weights, in numbers), in their order."""
    chosen = []
    for index in ranking:
        if sizes[index] <= budget:
            budget -= sizes[index]
            chosen.append(index)
    return chosen
