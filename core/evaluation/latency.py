"""Latency benchmark: the time of one run on this computer."""

from __future__ import annotations

import os
import time
from typing import Protocol

import numpy as np

from core.job.comparison import Latency
from core.runtimes.predictor import Feeds, Predictor

_RUNS, _WARM_UP = 30, 3
_MAX_SECONDS = 2.0
"""For each number of threads; slow models get fewer runs."""


class OpenPredictor(Protocol):
    """Loads a model so that it runs with a number of threads."""

    def __call__(self, *, threads: int) -> Predictor:
        """Load it."""


def measure_latency(open_predictor: OpenPredictor, feeds: Feeds) -> Latency:
    """Time single runs with one thread and with all of this computer's threads.

    Args:
        open_predictor: loads the model.
        feeds: one sample.
    """
    threads = available_threads()
    one = _times(open_predictor, feeds, threads=1)
    every = _times(open_predictor, feeds, threads=threads)
    return Latency(*one, *every, threads=threads)


def available_threads() -> int:
    """Threads of this computer that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _times(open_predictor: OpenPredictor, feeds: Feeds, *, threads: int) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    predictor = open_predictor(threads=threads)
    try:
        times: list[float] = []
        end = time.perf_counter() + _MAX_SECONDS
        while len(times) < _RUNS + _WARM_UP and (time.perf_counter() < end or len(times) <= _WARM_UP):
            start = time.perf_counter()
            predictor.run(feeds)
            times.append((time.perf_counter() - start) * 1000)
    finally:
        predictor.close()
    median, p95 = np.percentile(times[_WARM_UP:], [50, 95])
    return float(median), float(p95)
