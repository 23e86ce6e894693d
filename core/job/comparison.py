"""The measured difference between a converted file and the source: outputs, accuracy, latency."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SQNR_TOLERANCE_DB = 3.0
"""By how much the SQNR may fall short of the one that follows from the required cosine: twice the noise power."""

_SQNR_FROM_COSINE = 0.99
"""Required cosine from which the SQNR is required too. 8-bit outputs, which need less, may shrink a little."""

NEGLIGIBLE_DIFFERENCE = 1e-5
"""Absolute differences up to here are within the rounding of 32-bit arithmetic."""


@dataclass(frozen=True)
class OutputDifference:
    """Difference of one output from the source's, over all test samples."""

    name: str
    cosine: float
    """Cosine similarity of all values together; 1 is the same direction."""

    sqnr_db: float
    """Signal to quantisation noise ratio in dB, 10 log10(sum source^2 / sum difference^2); higher is better."""

    largest: float
    """Maximum absolute difference, in the output's own unit."""

    scores: OutputDifference | None = None
    """Of a detector's columns of scores (0 to 1) alone: coordinates in pixels would outweigh them."""

    @property
    def worst(self) -> OutputDifference:
        """Itself or its scores, whichever has the lower cosine."""
        return self if self.scores is None or self.scores.cosine > self.cosine else self.scores

    def is_within(self, least_cosine: float) -> bool:
        """Whether it is close enough.

        A cosine is blind to a wrong scale, so from a required 0.99 on the SQNR must fit it too: a pure change of
        direction by cosine c has an SQNR of 10 log10(c^2 / (1 - c^2)). Where the source's outputs are nearly
        zero, both metrics measure rounding errors only, and the absolute difference decides.
        """
        if self.scores is not None and not self.scores.is_within(least_cosine):
            return False
        if self.largest <= NEGLIGIBLE_DIFFERENCE:
            return True
        if not math.isfinite(self.largest):
            return False
        if least_cosine < _SQNR_FROM_COSINE:
            return self.cosine >= least_cosine
        expected = 10 * math.log10(least_cosine**2 / (1 - least_cosine**2))
        return self.cosine >= least_cosine and self.sqnr_db >= expected - _SQNR_TOLERANCE_DB


@dataclass(frozen=True)
class Latency:
    """Time of one run on this computer, in milliseconds: median and 95th percentile."""

    median_one_thread: float
    p95_one_thread: float
    median_all_threads: float
    p95_all_threads: float
    threads: int
    """How many threads "all" is."""


@dataclass(frozen=True)
class Accuracy:
    """Top-1 and top-5 accuracy over the labelled test images, 0 to 1."""

    top1: float
    top5: float


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured of one artifact against the source."""

    images: int
    """How many test samples were used; 0 where synthetic samples took their place."""

    outputs: tuple[OutputDifference, ...]
    agreement: float | None = None
    """Classifiers: share of samples, 0 to 1, with the same top-1 class as the source."""

    accuracy: Accuracy | None = None
    latency: Latency | None = None

    @property
    def cosine(self) -> float:
        """Of the output that differs most."""
        return min(output.worst.cosine for output in self.outputs)

    @property
    def sqnr_db(self) -> float:
        """Of the output that differs most, in dB."""
        return min(output.worst.sqnr_db for output in self.outputs)
