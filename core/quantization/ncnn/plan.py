"""How a model goes to 8 bit in ncnn by default: ranges, and the layers that stay in 16 bit, found by measuring."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.common.progress import Progress, silent
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.quantization.ncnn.calibration import measure_ranges, measure_sensitivity
from core.quantization.ncnn.int8 import quantizable_layers, quantizable_without_range, to_int8
from core.quantization.ncnn.mixed_precision import by_noise, by_rule
from core.quantization.observers.abs_max import AbsMaxMethod
from core.runtimes.predictor import Feeds

_LISTENED = 3
"""Pictures on which layers are listened to."""

_MOST_LISTENED = 80
"""Layers that are listened to, each alone: it takes less time than measuring 240 pictures."""


@dataclass(frozen=True)
class QuantizationPlan:
    """What was measured, and what follows from it.

    Measured on efficientnet_lite0 and ppocrv4_rec (``docs/ncnn-int8.md``), with the noisiest layers in 16 bit: KL
    loses up to 12 dB against the plain largest value and mean square up to 4; percentile wins 0.4 to 6.5.
    """

    ranges: Mapping[int, float]
    """Index of a layer -> greatest magnitude of its input."""

    noise: Mapping[int, float]
    """Index of a layer -> power of its noise in 8 bit as a share of the outputs' power, where it was listened to."""

    layers: tuple[int, ...]
    """Indices of the layers that could be quantised; empty where there is none."""

    keep_float: frozenset[int]
    """Those that stay in 16 bit."""

    def apply(self, model: NcnnModel) -> NcnnModel:
        """The model in 8 bit."""
        return to_int8(model, self.ranges, keep_float=self.keep_float)


def plan_quantization(
    model: NcnnModel,
    feeds: Iterable[Feeds],
    *,
    count: int,
    method: AbsMaxMethod = "min-max",
    progress: Progress = silent,
) -> QuantizationPlan:
    """Measure ranges over all inputs, then listen to layers on a few of them.

    Args:
        model: in 32 bit.
        feeds: the calibration samples, taken one by one.
        count: how many they are, so that those listened to come from all over them.
        method: how the ranges are chosen.
        progress: told when the listening begins.
    """
    measured = quantizable_layers(model)
    layers = (*measured, *quantizable_without_range(model))
    samples: list[Feeds] = []
    kept_too = _keeping(samples, feeds, every=max(1, -(-count // _LISTENED)))
    ranges = measure_ranges(model, measured, kept_too, method=method)
    if not layers:
        return QuantizationPlan(ranges, {}, layers, frozenset())
    progress(0.0, say("Listening to what each layer loses in 8 bit"))
    kept = by_rule(model, layers)
    noise = measure_sensitivity(model, _audible(model, layers, ranges=ranges, kept=kept), samples)
    return QuantizationPlan(ranges, noise, layers, by_noise(model, layers, kept=kept, noise=noise))


def _keeping(samples: list[Feeds], feeds: Iterable[Feeds], *, every: int) -> Iterator[Feeds]:
    """The same inputs, of which every so manieth is kept."""
    for index, sample in enumerate(feeds):
        if index % every == 0:
            samples.append(sample)
        yield sample


def _audible(
    model: NcnnModel, layers: Sequence[int], *, ranges: Mapping[int, float], kept: Collection[int]
) -> dict[int, float]:
    """Layers to listen to, with their ranges: the smallest, if there are many, since each costs a run."""
    known = {index: ranges.get(index, 0.0) for index in layers if index not in ranges or 0 < ranges[index] < math.inf}
    left = [index for index in known if index not in kept]
    smallest = sorted(left, key=lambda index: model.weights[index][0].values.size)[:_MOST_LISTENED]
    return {index: known[index] for index in smallest}
