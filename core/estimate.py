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

from core.cost import Cost, cost_of
from core.source import Source
from core.target import TargetId
from core.text import Text, say

USUAL_PICTURES = 40
"""Where nobody has said yet how many there will be."""

_REFERENCE = 62e9
"""Operations a second of the computer that was measured, in a product of two small matrices on one thread."""

_SIDE, _TIMES = 64, 200

_RUN_PER_PRODUCT, _RUN_PER_VALUE = 5e-11, 3e-10
"""Seconds of one run on one thread."""


@dataclass(frozen=True)
class _Effort:
    """Seconds of making a target."""

    start: float
    weight: float
    """For each million of weights."""

    runs: float
    """In runs of the model."""

    picture_runs: float
    """In runs of the model for each calibration picture."""


_EFFORTS: dict[TargetId, _Effort] = {
    "onnx_fp16": _Effort(1.8, 0.27, 24, 0),
    "onnx_quan_dy": _Effort(0.5, 0.09, 4, 0),
    "onnx_quan_st": _Effort(0.5, 0.8, 4, 4.5),
    "ncnn": _Effort(1.0, 0.07, 4, 0),
    "ncnn_fp16": _Effort(1.0, 0.07, 4, 0),
    "ncnn_quan": _Effort(1.3, 0.08, 4, 4.6),
}

_CHECK = _Effort(1.0, 0.08, 72, 1)
"""Loading the file, comparing it with the source and timing it."""

_BASE_BYTES, _PER_FILE_BYTE, _PER_VALUE = 222e6, 12.0, 7.5
"""Of memory: the program itself; copies of the weights under way; what the steps of the model give out."""


@dataclass(frozen=True)
class Estimate:
    """Of one target."""

    seconds: float
    memory_bytes: float


def estimate(source: Source, target: TargetId, *, pictures: int, size: tuple[int, int] | None = None) -> Estimate:
    """Estimate the effort on this computer.

    Args:
        source: the model.
        target: what is to be made.
        pictures: example pictures, of which half are for calibration.
        size: height and width that they are brought to.
    """
    cost = cost_of(source.path, size)
    run = (_RUN_PER_PRODUCT * cost.products + _RUN_PER_VALUE * cost.values) * slowness()
    seconds = sum(_seconds(effort, source, run, pictures // 2) for effort in (_EFFORTS[target], _CHECK))
    return Estimate(seconds, memory(source, cost))


def memory(source: Source, cost: Cost) -> float:
    """Bytes that making and checking a target holds at most."""
    return _BASE_BYTES + _PER_FILE_BYTE * source.size_bytes + _PER_VALUE * cost.values


def _seconds(effort: _Effort, source: Source, run: float, pictures: int) -> float:
    runs = effort.runs + effort.picture_runs * pictures
    return effort.start * slowness() + effort.weight * source.parameters / 1e6 * slowness() + runs * run


@lru_cache(maxsize=1)
def slowness() -> float:
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


def time_words(seconds: float) -> Text:
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


def memory_words(size: float) -> Text:
    """Rounded likewise."""
    if size < 950e6:
        return say("about {size} MB", size=100 * max(1, round(size / 100e6)))
    return say("about {size} GB", size=f"{size / 1e9:.1f}".removesuffix(".0"))
