"""A job's report as the pages show it; the file on disk may be old, damaged or made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError
from core.target import TARGET_IDS, TargetId
from core.targets import target_by_id
from core.text import Text, say

Status = Literal["converted", "refused", "failed"]


@dataclass(frozen=True)
class Speed:
    """Milliseconds of one run on this computer."""

    one_thread: float
    all_threads: float
    threads: int


@dataclass(frozen=True)
class Original:
    """What was measured of the source."""

    path: Path
    size_bytes: int
    top1: float | None
    top5: float | None
    speed: Speed | None


@dataclass(frozen=True)
class Result:
    """What became of one target."""

    target: TargetId
    status: Status
    files: tuple[Path, ...]
    size_bytes: int | None
    seconds: float
    notes: tuple[Text, ...]
    reason: Text | None
    next_step: Text | None
    detail: str
    images: int
    """Test pictures that it was compared on."""

    cosine: float | None
    sqnr_db: float | None
    agreement: float | None
    top1: float | None
    top5: float | None
    speed: Speed | None

    @property
    def title(self) -> Text:
        """Its name for people."""
        return target_by_id(self.target).title

    @property
    def model(self) -> Path | None:
        """The file that a graph viewer opens."""
        return next((file for file in self.files if file.suffix in (".onnx", ".param")), None)

    def speed_up(self, original: Original) -> float | None:
        """How many times as fast as the original it is, with one thread."""
        if self.speed is None or original.speed is None or not self.speed.one_thread:
            return None
        return original.speed.one_thread / self.speed.one_thread

    def share(self, original: Original) -> float | None:
        """Its size as a share of the original's."""
        return None if self.size_bytes is None or not original.size_bytes else self.size_bytes / original.size_bytes


@dataclass(frozen=True)
class ReportView:
    """Everything that the pages show of a job that is done."""

    original: Original
    results: tuple[Result, ...]
    notes: tuple[Text, ...]
    classification: bool
    calibration_images: int
    test_images: int
    skipped: tuple[tuple[str, str], ...]
    """Pictures that could not be read, and why."""

    @property
    def converted(self) -> tuple[Result, ...]:
        """The results that are files."""
        return tuple(result for result in self.results if result.status == "converted")

    @classmethod
    def from_json(cls, report: Mapping[str, Any]) -> ReportView:
        """Read a report.

        Raises:
            InputError: it is damaged.
        """
        try:
            images = report["images"]
            return cls(
                original=_original(report["source"]),
                results=tuple(_result(outcome) for outcome in report["outcomes"] if outcome["target"] in TARGET_IDS),
                notes=_texts(report["words"]["notes"]),
                classification=report["task"] == "classification",
                calibration_images=int(images["calibration"]),
                test_images=int(images["test"]),
                skipped=tuple((str(entry["file"]), str(entry["why"])) for entry in images["skipped"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as exc:
            raise InputError(
                say("The report of this job is damaged."),
                next_step=say("Start the conversion again; files that were made before are untouched."),
                detail=repr(exc),
            ) from exc


def _original(source: Mapping[str, Any]) -> Original:
    return Original(
        path=Path(source["path"]),
        size_bytes=int(source["size_bytes"]),
        top1=_number(source.get("top1")),
        top5=_number(source.get("top5")),
        speed=_speed(source.get("latency_ms")),
    )


def _result(outcome: Mapping[str, Any]) -> Result:
    comparison, words = outcome["comparison"] or {}, outcome["words"]
    if outcome["status"] not in get_args(Status):
        raise ValueError(outcome["status"])
    return Result(
        target=outcome["target"],
        status=outcome["status"],
        files=tuple(Path(file) for file in outcome["files"]),
        size_bytes=None if outcome["size_bytes"] is None else int(outcome["size_bytes"]),
        seconds=float(outcome["seconds"]),
        notes=_texts(words["notes"]),
        reason=_text(words["reason"]),
        next_step=_text(words["next_step"]),
        detail=str(outcome["detail"]),
        images=int(comparison.get("images", 0)),
        cosine=_number(comparison.get("cosine")),
        sqnr_db=_number(comparison.get("sqnr_db")),
        agreement=_number(comparison.get("agreement")),
        top1=_number(comparison.get("top1")),
        top5=_number(comparison.get("top5")),
        speed=_speed(comparison.get("latency_ms")),
    )


def _speed(latency: Mapping[str, Any] | None) -> Speed | None:
    if latency is None:
        return None
    return Speed(float(latency["median_one_thread"]), float(latency["median_all_threads"]), int(latency["threads"]))


def _texts(found: list[Mapping[str, Any]]) -> tuple[Text, ...]:
    return tuple(text for text in map(_text, found) if text is not None)


def _text(found: Mapping[str, Any] | None) -> Text | None:
    if found is None:
        return None
    text = Text.from_json(found)
    str(text)  # a template and values that do not fit are damage too
    return text


def _number(found: Any) -> float | None:
    return None if found is None else float(found)
