"""The first load and run of a new file, in the helper process: what crashes there never reaches the evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from core.evaluation.latency import available_threads
from core.isolation.predictor import IsolatedPredictor
from core.job.outcome import Artifact
from core.runtimes.predictor import Feeds, Tensor
from core.targets.base import Target


def try_first_run(target: Target, artifact: Artifact, feeds: Feeds, expected: Mapping[str, Tensor]) -> None:
    """Load and run a file in the two ways of the evaluation: with one thread, and with all.

    Args:
        target: opens it.
        artifact: the file.
        feeds: one sample.
        expected: the source's outputs for it.

    Raises:
        EdgePressError: it does not load or run, crashes, or takes too long or too much memory.
    """
    for threads in sorted({1, available_threads()}):
        predictor = IsolatedPredictor(target.open, artifact, expected, threads=threads)
        try:
            predictor.run(feeds)
        finally:
            predictor.close()
