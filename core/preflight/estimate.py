"""How long a target will take to make and check, and how much memory, before anything runs.

The constants are fitted to the sweep over real models (docs/estimates.md), on a computer that multiplies as fast
as ``_REFERENCE``; three of four estimates are within a factor of two of what was measured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import psutil

from core.common.text import Text, say
from core.inputs.images import SampleCounts
from core.inputs.synthetic import SYNTHETIC_SAMPLES
from core.onnx_model.cost import Cost, cost_of
from core.onnx_model.source import Source
from core.targets.base import Effort, Target

USUAL_SAMPLES = SampleCounts(calibration=20, test=20)
"""Where nobody has said yet how many there will be."""

_REFERENCE = 62e9
"""Operations a second of the computer that was measured, in a product of two small matrices on one thread."""

_SIDE, _TIMES = 64, 200

_RUN_PER_PRODUCT, _RUN_PER_VALUE = 5e-11, 3e-10
"""Seconds of one run on one thread."""


_CHECK = Effort(1.0, 0.08, 72, 1)
"""Loading the file, comparing it with the source on each test sample, and timing it."""

_BASE_BYTES, _PER_FILE_BYTE, _PER_VALUE = 222e6, 12.0, 7.5
"""Of memory: the program itself; copies of the weights under way; what the steps of the model give out."""


@dataclass(frozen=True)
class Estimate:
    """Of one target."""

    seconds: float
    memory_bytes: float


def estimate(source: Source, target: Target, *, samples: SampleCounts, size: tuple[int, int] | None = None) -> Estimate:
    """Estimate the effort on this computer.

    Args:
        source: the model.
        target: what is to be made.
        samples: how many calibrate and test; without test samples, synthetic ones take their place.
        size: height and width that images are brought to.
    """
    cost = cost_of(source.path, size)
    run = (_RUN_PER_PRODUCT * cost.macs + _RUN_PER_VALUE * cost.activations) * relative_slowness()
    making = _seconds(target.effort, source, run, samples.calibration)
    checking = _seconds(_CHECK, source, run, samples.test or SYNTHETIC_SAMPLES)
    return Estimate(making + checking, memory(source, cost))


def memory(source: Source, cost: Cost) -> float:
    """Bytes that making and checking a target holds at most."""
    return _BASE_BYTES + _PER_FILE_BYTE * source.size_bytes + _PER_VALUE * cost.activations


def _seconds(effort: Effort, source: Source, run: float, samples: int) -> float:
    runs = effort.runs + effort.runs_per_sample * samples
    own = effort.start + effort.per_million_weights * source.parameters / 1e6
    return own * relative_slowness() + runs * run


@lru_cache(maxsize=1)
def relative_slowness() -> float:
    """How many times as long this computer takes as the one that was measured; takes some milliseconds, once.

    The best of many tries, each too small for a second thread: so it tells of the computer, not of what else runs.
    """
    matrix, result = np.ones((_SIDE, _SIDE), np.float32), np.empty((_SIDE, _SIDE), np.float32)
    seconds = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        np.matmul(matrix, matrix, out=result)
        seconds.append(time.perf_counter() - start)
    return _REFERENCE * min(seconds) / (2 * _SIDE**3)


def installed_memory() -> int:
    """Of this computer, in bytes."""
    return int(psutil.virtual_memory().total)


def duration_text(seconds: float) -> Text:
    """Rounded as far as an estimate deserves."""
    if seconds < 8:
        return say("a few seconds")
    if seconds < 50:
        return say("about {count} seconds", count=10 * round(seconds / 10))
    if seconds < 90:
        return say("about a minute")
    if seconds < 5400:
        return say("about {count} minutes", count=round(seconds / 60))
    return say("about {count} hours", count=round(seconds / 3600))


def memory_text(size: float) -> Text:
    """Rounded likewise."""
    if size < 950e6:
        return say("about {size} MB", size=100 * max(1, round(size / 100e6)))
    return say("about {size} GB", size=f"{size / 1e9:.1f}".removesuffix(".0"))
