"""Estimate the time and memory that a target will take to make and evaluate, before anything runs.

The constants are fitted to measurements on real models (docs/estimates.md) on one reference computer; more than half of
the estimates of time, on a computer busy with other things, and nearly all of memory are within a factor of two.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.common.text import Text, say
from core.inputs.images import SampleCounts
from core.inputs.synthetic import SYNTHETIC_SAMPLES
from core.onnx_model.cost import Cost, cost_of
from core.onnx_model.source import Source
from core.targets.base import Effort, Target

USUAL_SAMPLES = SampleCounts(calibration=20, test=20)
"""Assumed while no samples are chosen yet."""

_REFERENCE_FLOPS = 62e9
"""Of the reference computer: FLOP/s of a small matrix multiplication on one thread."""

_MATRIX_SIDE, _REPEATS = 64, 200

_SECONDS_PER_MAC, _SECONDS_PER_VALUE = 5e-11, 3e-10
"""Of one run on one thread: per multiply-accumulate, and per element of an activation."""

_EVALUATION = Effort(1.0, 0.08, 72, 1)
"""Loading the file, comparing it with the source on each test sample, and measuring its latency."""

_BASE_BYTES, _BYTES_PER_FILE_BYTE, _BYTES_PER_VALUE = 250e6, 14.0, 3.5
"""Memory: of the program and its helper process; of copies of the weights; per element of an activation."""


@dataclass(frozen=True)
class Estimate:
    """The effort of one target."""

    seconds: float
    memory_bytes: float


def estimate(source: Source, target: Target, *, samples: SampleCounts, size: tuple[int, int] | None = None) -> Estimate:
    """Estimate the effort on this computer.

    Args:
        source: the model.
        target: what is to be made.
        samples: numbers of calibration and test samples; without test samples, synthetic ones take their place.
        size: height and width that images are resized to.
    """
    cost = cost_of(source.path, size)
    run = (_SECONDS_PER_MAC * cost.macs + _SECONDS_PER_VALUE * cost.activations) * relative_slowness()
    making = _seconds(target.effort, source, run, samples.calibration)
    evaluating = _seconds(_EVALUATION, source, run, samples.test or SYNTHETIC_SAMPLES)
    return Estimate(making + evaluating, memory(source, cost))


def memory(source: Source, cost: Cost) -> float:
    """Peak memory of making and evaluating a target, in bytes."""
    file_bytes = source.size_bytes * (4 if source.is_quantized else 1)  # it is turned into 32 bit
    return _BASE_BYTES + _BYTES_PER_FILE_BYTE * file_bytes + _BYTES_PER_VALUE * cost.activations


def _seconds(effort: Effort, source: Source, run: float, samples: int) -> float:
    runs = effort.runs + effort.runs_per_sample * samples
    own = effort.start + effort.per_million_weights * source.parameters / 1e6
    return own * relative_slowness() + runs * run


@lru_cache(maxsize=1)
def relative_slowness() -> float:
    """How many times as long as the reference computer this one takes; measured once, in some milliseconds.

    The fastest of many repeats, each too small for a second thread, so that other programs hardly change it.
    """
    matrix, result = np.ones((_MATRIX_SIDE,) * 2, np.float32), np.empty((_MATRIX_SIDE,) * 2, np.float32)
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        np.matmul(matrix, matrix, out=result)
        seconds.append(time.perf_counter() - start)
    return _REFERENCE_FLOPS * min(seconds) / (2 * _MATRIX_SIDE**3)


def duration_text(seconds: float) -> Text:
    """Seconds, rounded as far as an estimate deserves."""
    if seconds < 8:
        return say("a few seconds")
    if seconds < 50:
        return say("about {count} seconds", count=10 * round(seconds / 10))
    if seconds < 90:
        return say("about a minute")
    if seconds < 5400:
        return say("about {count} minutes", count=round(seconds / 60))
    return say("about {count} hours", count=round(seconds / 3600))
