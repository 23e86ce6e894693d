"""The result of a job as plain data: what ``--json`` prints and what the pages read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import assert_never

from core.images import Split
from core.job import Job
from core.outcome import Accuracy, Comparison, Converted, Failed, Latency, Outcome, OutputDifference, Refused, Verdict
from core.source import Source
from core.tasks.task import TaskName
from core.text import Text


@dataclass(frozen=True)
class Report:
    """Everything that is known at the end of a job."""

    job: Job
    source: Source
    task: TaskName
    split: Split
    skipped: Mapping[str, str]
    """Pictures that could not be read, and why."""

    accuracy: Accuracy | None
    """Of the source itself."""

    latency: Latency
    """Of the source itself."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[Text, ...]
    """What concerns the whole job."""

    preflight: tuple[Verdict, ...] = ()
    """What was known of each target before anything ran."""

    def to_json(self) -> dict[str, Any]:
        """The form that README.md documents; sentences in English, with their parts under ``words``."""
        return {
            "source": {**self.source.to_json(), **_accuracy(self.accuracy), "latency_ms": asdict(self.latency)},
            "preprocessing": self.job.preprocessing.to_json(),
            "task": self.task,
            "classes": list(self.source.class_names),
            "images": {
                "calibration": len(self.split.calibration),
                "test": len(self.split.test),
                "skipped": [{"file": file, "why": why} for file, why in self.skipped.items()],
                "duplicates": self.split.duplicates,
            },
            "notes": [str(note) for note in self.notes],
            "words": {"notes": [note.to_json() for note in self.notes]},
            "preflight": [verdict.to_json() for verdict in self.preflight],
            "outcomes": [outcome_to_json(outcome) for outcome in self.outcomes],
        }


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """One target's entry; every entry has the same keys."""
    match outcome:
        case Converted():
            return _converted(outcome)
        case Refused():
            return _not_made(outcome, "refused")
        case Failed():
            return {**_not_made(outcome, "failed"), "detail": outcome.detail, "seconds": round(outcome.seconds, 3)}
        case _:
            assert_never(outcome)


def _converted(outcome: Converted) -> dict[str, Any]:
    artifact = outcome.artifact
    return {
        "target": artifact.target,
        "status": "converted",
        "reason": None,
        "next_step": None,
        "detail": "",
        "files": [str(file) for file in artifact.files],
        "size_bytes": artifact.size_bytes,
        "inputs": dict(artifact.inputs),
        "outputs": dict(artifact.outputs),
        "notes": [str(note) for note in artifact.notes],
        "seconds": round(outcome.seconds, 3),
        "comparison": comparison_to_json(outcome.comparison),
        "words": {"reason": None, "next_step": None, "notes": [note.to_json() for note in artifact.notes]},
    }


def _not_made(outcome: Refused | Failed, status: str) -> dict[str, Any]:
    return {
        "target": outcome.target,
        "status": status,
        "reason": str(outcome.reason),
        "next_step": str(outcome.next_step),
        "detail": "",
        "files": [],
        "size_bytes": None,
        "inputs": {},
        "outputs": {},
        "notes": [],
        "seconds": 0.0,
        "comparison": None,
        "words": {"reason": outcome.reason.to_json(), "next_step": outcome.next_step.to_json(), "notes": []},
    }


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """The figures of one artifact; infinite decibels (no difference at all) become null."""
    return {
        "images": comparison.images,
        "cosine": comparison.cosine,
        "sqnr_db": _finite(comparison.sqnr_db),
        "agreement": comparison.agreement,
        **_accuracy(comparison.accuracy),
        "outputs": [_difference(output) for output in comparison.outputs],
        "latency_ms": None if comparison.latency is None else asdict(comparison.latency),
    }


def _difference(output: OutputDifference) -> dict[str, Any]:
    scores = None if output.scores is None else _difference(output.scores)
    return {**asdict(output), "sqnr_db": _finite(output.sqnr_db), "scores": scores}


def _accuracy(accuracy: Accuracy | None) -> dict[str, float | None]:
    return {"top1": None, "top5": None} if accuracy is None else asdict(accuracy)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
