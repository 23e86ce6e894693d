"""The figures for other programs: a table with a row for each file, and the predictions for each picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from core.html_report.finished_job import FinishedJob
from core.job.comparison import Agreement, Latency, TruthFigure
from core.report.schema import OutcomeEntry, Report

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that a spreadsheet would compute."""

_Value: TypeAlias = str | int | float | None


def figures_csv(report: Report) -> str:
    """A table: the original, then one row for each target, with every figure.

    Shares are 0 to 1, sizes in bytes, times in milliseconds; a cell is empty where something was not measured.
    """
    rows = [_original(report), *(_row(outcome, report) for outcome in report.outcomes)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def answers_json(finished: FinishedJob) -> Mapping[str, Any]:
    """Each stored test picture with the original's prediction and those of all files, variants included."""
    job = finished.job
    folder = job.test_images or job.images
    return {
        "job": finished.id,
        "model": job.source.name,
        "task": finished.report.task.name,
        "class_names": list(finished.report.task.class_names),
        "pictures": [
            {
                "file": _relative(str(entry.get("file", "")), folder),
                "size": entry.get("size"),
                "truth": entry.get("truth"),
                "original": entry.get("source"),
                "answers": entry.get("answers"),
            }
            for entry in finished.gallery
        ],
    }


def _relative(file: str, folder: Path | None) -> str:
    """The path inside the folder of the examples, so that files of the same name are told apart."""
    path = Path(file)
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return path.name


def _cell(value: _Value) -> _Value:
    """Text of strangers is no formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _original(report: Report) -> dict[str, _Value]:
    source = report.source
    return {
        "target": "original",
        "status": "",
        **_verdict(None),
        "files": source.path.name,
        "size_bytes": source.size_bytes,
        "size_share": 1.0,
        **_agreement(None),
        **_truth(source.truth),
        **_latency(source.latency_ms),
    }


def _row(outcome: OutcomeEntry, report: Report) -> dict[str, _Value]:
    comparison = outcome.comparison
    return {
        "target": outcome.target,
        "status": outcome.status,
        **_verdict(outcome),
        "files": " ".join(file.name for file in outcome.files),
        "size_bytes": outcome.size_bytes,
        "size_share": outcome.size_share(report.source),
        **_agreement(None if comparison is None else comparison.agreement),
        **_truth(() if comparison is None else comparison.truth),
        "cosine": None if comparison is None else comparison.cosine,
        "sqnr_db": None if comparison is None else comparison.sqnr_db,
        **_latency(None if comparison is None else comparison.latency_ms),
        "speed_up_1_thread": outcome.speed_up(report.source),
        "arm": None if outcome.arm is None else outcome.arm.status,
        "arm_processor": None if outcome.arm is None else outcome.arm.processor,
        "seconds": outcome.seconds,
        "variant": outcome.variant,
        "notes": " ".join(outcome.notes),
    }


def _verdict(outcome: OutcomeEntry | None) -> dict[str, _Value]:
    comparison = None if outcome is None else outcome.comparison
    words = "" if outcome is None else outcome.reason or ("" if comparison is None else comparison.verdict)
    return {"light": None if comparison is None else comparison.light, "verdict": words}


def _agreement(agreement: Agreement | None) -> dict[str, _Value]:
    names = ("metric", "value", "low", "high", "samples", "counted")
    return {f"agreement_{name}": None if agreement is None else getattr(agreement, name) for name in names}


def _truth(figures: tuple[TruthFigure, ...]) -> dict[str, _Value]:
    row: dict[str, _Value] = {}
    for figure in figures:
        row[figure.metric] = figure.value
        for name in ("difference", "low", "high"):
            row[f"{figure.metric}_{name}"] = getattr(figure, name)
    return row


def _latency(latency: Latency | None) -> dict[str, _Value]:
    names = ("median_one_thread", "p95_one_thread", "median_all_threads", "p95_all_threads")
    times: dict[str, _Value] = {f"ms_{name}": None if latency is None else getattr(latency, name) for name in names}
    return {**times, "threads": None if latency is None else latency.threads}
