"""The default 8-bit quantisation for ncnn: measured ranges, and the layers that stay in 16 bit."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.common.progress import Progress, silent
from core.common.text import say
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.metrics.prediction_noise import PredictionNoise
from core.ncnn.model import NcnnModel
from core.quantization.ncnn.calibration import NoiseMeter, measure_ranges, measure_sensitivity
from core.quantization.ncnn.int8 import quantizable_layers, quantizable_without_range, to_int8
from core.quantization.ncnn.mixed_precision import CLOSER_BUDGET, SIZE_BUDGETS, by_rule, by_sensitivity
from core.quantization.observers.abs_max import AbsMaxMethod
from core.runtimes.predictor import Feeds

_SENSITIVITY_SAMPLES = 6
"""Samples for the sensitivity analysis, at most: as many as there is time for, as in ``measure_sensitivity``."""

_MAX_RANKED_LAYERS = 80
"""Layers in the sensitivity analysis, one run each: it takes less time than measuring ranges on 240 samples."""


_ENOUGH: Mapping[AllowedChange, float] = {"nothing": 0.001, "hardly": 0.002, "little": 0.004, "smallest": 1.0}
"""Noise ratio of the whole model at which no more layers stay in 16 bit than fit into a size budget."""


@dataclass(frozen=True)
class QuantizationPlan:
    """What was measured, and which layers become 8 bit.

    Measured on efficientnet_lite0 and ppocrv4_rec (``docs/ncnn-int8.md``), with the most sensitive layers in 16 bit: KL
    loses up to 12 dB against the plain abs-max and mean square up to 4; percentile wins 0.4 to 6.5.
    """

    ranges: Mapping[int, float]
    """Index of a layer -> abs-max that its input's 8 bit covers."""

    sensitivity: Mapping[int, float]
    """Index of a layer -> noise ratio of the outputs with this layer alone in 8 bit, for the layers analysed."""

    layers: tuple[int, ...]
    """Indices of the layers that can be quantised; empty where there is none."""

    keep_float: frozenset[int]
    """Those that stay in 16 bit."""

    smaller: QuantizationPlan | None = None
    """That of the smallest file, where it is another one."""

    closer: QuantizationPlan | None = None
    """That of a larger file, closer to the original than was asked for."""

    def apply(self, model: NcnnModel) -> NcnnModel:
        """The model in 8 bit."""
        return to_int8(model, self.ranges, keep_float=self.keep_float)


def plan_quantization(
    model: NcnnModel,
    feeds: Iterable[Feeds],
    *,
    count: int,
    method: AbsMaxMethod = "min-max",
    noise: PredictionNoise | None = None,
    change: AllowedChange = DEFAULT_CHANGE,
    others: bool = False,
    progress: Progress = silent,
) -> QuantizationPlan:
    """Measure ranges on all samples, then the sensitivity to each layer on a few of them.

    Args:
        model: in 32 bit.
        feeds: the calibration samples, taken one by one.
        count: number of samples, so that those for the sensitivity analysis are spread over all of them.
        method: how the ranges are chosen.
        noise: how that of predictions is measured, where it counts instead of that of the outputs.
        change: how much the answers may change.
        others: whether to plan a smaller and a larger file, too.
        progress: callback, called when the sensitivity analysis begins.
    """
    measured = quantizable_layers(model)
    layers = (*measured, *quantizable_without_range(model))
    samples: list[Feeds] = []
    every = range(0, max(count, 1), max(1, -(-count // _SENSITIVITY_SAMPLES)))
    feeds = _copying_some(feeds, to=samples, numbers=every if noise is None else noise.samples[:_SENSITIVITY_SAMPLES])
    ranges = measure_ranges(model, measured, feeds, method=method)
    if not layers:
        return QuantizationPlan(ranges, {}, layers, frozenset())
    progress(0.0, say("Measuring how sensitive each layer is to 8 bit"))
    budgets = SIZE_BUDGETS[change]
    kept = by_rule(model, layers, budgets[0])
    ranked = _layers_to_rank(model, layers, ranges=ranges, kept=kept)
    sensitivity = measure_sensitivity(model, ranked, samples, noise)

    def within(budget: float) -> QuantizationPlan:
        rule = kept if budget >= budgets[0] else kept & by_rule(model, layers, budget)
        keep_float = by_sensitivity(model, layers, kept=rule, sensitivity=sensitivity, budget=budget)
        return QuantizationPlan(ranges, sensitivity, layers, keep_float)

    meter = NoiseMeter(model, samples, noise) if samples and len(budgets) > 1 else None
    for budget, next_budget in zip(budgets, (*budgets[1:], CLOSER_BUDGET), strict=True):
        chosen, larger = within(budget), next_budget
        if meter and budget != budgets[-1] and meter.ratio(chosen.apply(model)) <= _ENOUGH[change]:
            break
    return _with_others(chosen, within(SIZE_BUDGETS["smallest"][0]), within(larger)) if others else chosen


def _with_others(chosen: QuantizationPlan, smaller: QuantizationPlan, closer: QuantizationPlan) -> QuantizationPlan:
    """With those of the other plans that are not the same."""
    return replace(
        chosen,
        smaller=smaller if smaller.keep_float != chosen.keep_float else None,
        closer=closer if closer.keep_float != chosen.keep_float else None,
    )


def _copying_some(feeds: Iterable[Feeds], *, to: list[Feeds], numbers: Collection[int]) -> Iterator[Feeds]:
    """The same samples; those of some numbers are also appended to a list."""
    for number, sample in enumerate(feeds):
        if number in numbers:
            to.append(sample)
        yield sample


def _layers_to_rank(
    model: NcnnModel, layers: Sequence[int], *, ranges: Mapping[int, float], kept: Collection[int]
) -> dict[int, float]:
    """Layers for the sensitivity analysis, with their ranges; the smallest, if there are too many."""
    known = {index: ranges.get(index, 0.0) for index in layers if index not in ranges or 0 < ranges[index] < math.inf}
    candidates = [index for index in known if index not in kept]
    smallest = sorted(candidates, key=lambda index: model.weights[index][0].values.size)[:_MAX_RANKED_LAYERS]
    return {index: known[index] for index in smallest}
