"""The files of a finished job of which graphs and layers can be looked at: the published ones, and the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.job.target_id import TargetId
from core.report.schema import LayerEntry, OutcomeEntry, Report
from core.targets import target_by_id


@dataclass(frozen=True)
class FinishedFile:
    """One of them."""

    id: str
    """The target for the published one; with the variant's number for one that may take its place."""

    target: TargetId
    graph: Path | None
    """What holds its graph: the .onnx or the .param file."""

    size_bytes: int | None
    layers: tuple[LayerEntry, ...]
    is_published: bool = True


def finished_files(report: Report) -> tuple[FinishedFile, ...]:
    """The published files, in the order of the targets, each followed by those that may take its place."""
    return tuple(file for outcome in report.converted for file in _of(outcome))


def _of(outcome: OutcomeEntry) -> Iterator[FinishedFile]:
    layers = () if outcome.comparison is None else outcome.comparison.layers
    yield FinishedFile(
        outcome.target, outcome.target, _graph(outcome.target, outcome.files), outcome.size_bytes, layers
    )
    for one in outcome.variants:
        if one.number != outcome.variant:
            yield FinishedFile(
                f"{outcome.target}#{one.number}",
                outcome.target,
                _graph(outcome.target, one.files),
                one.size_bytes,
                one.comparison.layers,
                is_published=False,
            )


def _graph(target: TargetId, files: tuple[Path, ...]) -> Path | None:
    suffix = target_by_id(target).format.graph_suffix
    return next((file for file in files if file.suffix == suffix), None)
