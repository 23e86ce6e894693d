"""Reports of every task, made by hand: what the runner would write, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.text import say
from core.job.comparison import Agreement, Latency, TruthFigure
from core.onnx_model.source import TensorInfo
from core.report.schema import (
    ComparisonEntry,
    ImagesEntry,
    JobTexts,
    LayerEntry,
    OutcomeEntry,
    Report,
    SourceEntry,
    TaskEntry,
    Texts,
)
from core.tasks.base import Budget, TaskOptions
from small import PREPROCESSING

BOX_F1 = Agreement("box-f1", 0.973, 0.91, 1.0, samples=8, counted=30, details={"mean_iou": 0.93})
MAP = TruthFigure("map-50-95", 0.382, 8)
MAP_OF_FILE = TruthFigure("map-50-95", 0.378, 8, difference=-0.004, low=-0.012, high=0.003)


def latency(milliseconds: float) -> Latency:
    return Latency(milliseconds, milliseconds, milliseconds, milliseconds, threads=2)


def comparison(agreement: Agreement | None = BOX_F1, **changes: Any) -> ComparisonEntry:
    words = say("Look at what changed: {same}.", same="97.3% of the objects the same")
    figures: dict[str, Any] = {
        "images": 8,
        "cosine": 0.99998,
        "sqnr_db": 43.1,
        "outputs": (),
        "latency_ms": latency(0.52),
        "light": "look",
        "verdict": str(words),
        "words": words,
        "agreement": agreement,
    }
    return ComparisonEntry(**{**figures, **changes})


def layer(name: str, sqnr_db: float | None = 30.0) -> LayerEntry:
    return LayerEntry(name, "Conv", "8 bit", sqnr_db, 0.999)


def made(target: str, found: ComparisonEntry | None, *files: Path, size: int = 200_000) -> OutcomeEntry:
    return _outcome(target, "converted", files=files, size_bytes=size, comparison=found)


def refused(target: str) -> OutcomeEntry:
    return _outcome(target, "refused", files=(), size_bytes=None, comparison=None)


def report(*outcomes: OutcomeEntry, truth: tuple[TruthFigure, ...] = (), **task: Any) -> Report:
    inputs = (TensorInfo("images", (1, 3, 32, 32), "float32"),)
    source = SourceEntry(Path("net.onnx"), 630_000, 17, 9, inputs, (), {}, latency(0.49), truth)
    reason = say("Its output has 4 numbers for a box.")
    entry = {
        "name": "detection",
        "reason": str(reason),
        "words": reason,
        "options": TaskOptions(score=0.25),
        "budget": Budget(0.95, 0.5),
        "class_names": ("cat", "dog"),
    }
    images = ImagesEntry(8, 8, (), 0)
    return Report(source, PREPROCESSING, TaskEntry(**{**entry, **task}), images, (), JobTexts(()), (), outcomes)


def _outcome(target: str, status: str, **changes: Any) -> OutcomeEntry:
    common = {"reason": None, "next_step": None, "detail": "", "inputs": {}, "outputs": {}, "notes": (), "seconds": 1.0}
    return OutcomeEntry(target=target, status=status, words=Texts(), **common, **changes)
