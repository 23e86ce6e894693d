"""How far the outputs of a file stray from the source's, and what that means for its use."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SLACK_DB = 3.0
_SCALE_COUNTS = 0.99

NEGLIGIBLE_DIFFERENCE = 1e-5
"""Differences up to here are what 32-bit arithmetic itself leaves open."""


@dataclass(frozen=True)
class OutputDifference:
    """How far one output strays from the source's, over all test inputs."""

    name: str
    cosine: float
    """Cosine similarity of all values together; 1 is the same direction."""

    sqnr_db: float
    """Signal to quantisation noise in dB: 10 log10(sum source^2 / sum difference^2); more is better."""

    largest: float
    """Largest absolute difference, in the output's own unit."""

    scores: OutputDifference | None = None
    """Of those columns alone that are scores between 0 and 1, where coordinates in pixels would drown them."""

    @property
    def worst(self) -> OutputDifference:
        """Itself or its scores, whichever strays more."""
        return self if self.scores is None or self.scores.cosine > self.cosine else self.scores

    def is_within(self, least_cosine: float) -> bool:
        """Whether it is as close as asked.

        The cosine does not see a wrong scale, so that from 0.99 on the SQNR has to go with it: to at most
        twice the noise that this cosine means by itself. 8-bit outputs may shrink a little. Where the
        source answers next to nothing, both figures are only those of rounding errors.
        """
        if self.scores is not None and not self.scores.is_within(least_cosine):
            return False
        if self.largest <= NEGLIGIBLE_DIFFERENCE:
            return True
        if not math.isfinite(self.largest):
            return False
        if least_cosine < _SCALE_COUNTS:
            return self.cosine >= least_cosine
        expected = 10 * math.log10(least_cosine**2 / (1 - least_cosine**2))
        return self.cosine >= least_cosine and self.sqnr_db >= expected - _SLACK_DB


@dataclass(frozen=True)
class Latency:
    """Time of one run on this computer, in milliseconds."""

    median_one_thread: float
    p95_one_thread: float
    median_all_threads: float
    p95_all_threads: float
    threads: int
    """How many threads "all" is."""


@dataclass(frozen=True)
class Accuracy:
    """Share of labelled test pictures, 0 to 1, whose true class came first, or among the first five."""

    top1: float
    top5: float


@dataclass(frozen=True)
class Comparison:
    """The measured difference between the source and an artifact."""

    images: int
    """How many test pictures were used; 0 where random inputs stood in for them."""

    outputs: tuple[OutputDifference, ...]
    agreement: float | None = None
    """Classifiers: share of inputs, 0 to 1, on which source and artifact put the same class first."""

    accuracy: Accuracy | None = None
    latency: Latency | None = None

    @property
    def cosine(self) -> float:
        """Of the output that strays most."""
        return min(output.worst.cosine for output in self.outputs)

    @property
    def sqnr_db(self) -> float:
        """Of the output that strays most."""
        return min(output.worst.sqnr_db for output in self.outputs)
