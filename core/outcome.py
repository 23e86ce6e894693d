"""What became of each target: Converted, Refused or Failed, with everything a face shows of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from core.target import TargetId
from core.text import Text

_SLACK_DB = 3.0
_SCALE_COUNTS = 0.99

NEGLIGIBLE = 1e-5
"""Differences up to here are what 32-bit arithmetic itself leaves open."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a target before anything runs."""

    target: TargetId
    status: Literal["works", "note", "cannot"]
    """Will work, will work with something to know, cannot."""

    notes: tuple[Text, ...] = ()
    reason: Text | None = None
    """Why it cannot."""

    next_step: Text | None = None
    size_bytes: int | None = None
    """Estimate of the result's size."""

    seconds: float | None = None
    """Estimate of the time that making and checking it takes on this computer."""

    memory_bytes: float | None = None
    """Estimate of the memory that it takes meanwhile."""

    def to_json(self) -> dict[str, Any]:
        """As plain data: sentences in English, and with their parts under ``words``."""
        words = {
            "notes": [note.to_json() for note in self.notes],
            "reason": self.reason and self.reason.to_json(),
            "next_step": self.next_step and self.next_step.to_json(),
        }
        return {
            "target": self.target,
            "status": self.status,
            "reason": self.reason and str(self.reason),
            "next_step": self.next_step and str(self.next_step),
            "notes": [str(note) for note in self.notes],
            "size_bytes": self.size_bytes,
            "seconds": self.seconds,
            "memory_bytes": self.memory_bytes,
            "words": words,
        }


@dataclass(frozen=True)
class Artifact:
    """A finished file, or the .param and .bin of one ncnn model."""

    target: TargetId
    files: tuple[Path, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Input name of the source -> blob name in an ncnn model; empty for ONNX, which keeps its names."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output name of the source -> blob name in an ncnn model, in the source's order."""

    notes: tuple[Text, ...] = ()
    """What was changed or kept, and why."""

    @property
    def size_bytes(self) -> int:
        """All its files together."""
        return sum(path.stat().st_size for path in self.files)


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
        if self.largest <= NEGLIGIBLE:
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


@dataclass(frozen=True)
class Converted:
    """Made, loaded, run, compared and put in its place."""

    artifact: Artifact
    comparison: Comparison
    seconds: float


@dataclass(frozen=True)
class Refused:
    """Not tried, because it cannot work."""

    target: TargetId
    reason: Text
    next_step: Text


@dataclass(frozen=True)
class Failed:
    """Tried, and it did not work; no file of it is left."""

    target: TargetId
    reason: Text
    next_step: Text
    detail: str = ""
    seconds: float = 0.0


Outcome: TypeAlias = Converted | Refused | Failed
