"""The bundled sample: a small model and pictures with known answers, to try EdgePress with one click."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from core.common.paths import ASSETS, home
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.targets import TARGET_IDS

FOLDER = ASSETS / "sample"
"""Holds ``sample.onnx`` and ``images`` with their ``labels.csv``."""

MODEL = FOLDER / "sample.onnx"
IMAGES = FOLDER / "images"


def is_available() -> bool:
    """Whether this copy of EdgePress has it."""
    return MODEL.is_file() and IMAGES.is_dir()


def is_sample(source: Path) -> bool:
    """Whether a model is the sample, beside which nothing must be written."""
    return source.resolve().is_relative_to(FOLDER)


def sample_job() -> Job:
    """A job that makes every target from the sample.

    Raises:
        SourceError: the sample is damaged.
    """
    source = inspect(MODEL)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    return Job(
        source=MODEL,
        targets=TARGET_IDS,
        preprocessing=source.own_preprocessing or Preprocessing((96, 96)),
        out=home() / "results" / f"{stamp}-{MODEL.stem}",
        images=IMAGES,
        model=source,
    )
