"""Small data sets of labelled pictures for the tests of label formats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from core.inputs.images import SUFFIXES
from core.labels.base import Labels
from core.labels.find import find_labels
from core.labels.masks import without_masks


def picture(path: Path, size: tuple[int, int] = (100, 50), *, orientation: int | None = None) -> Path:
    """A picture of random colours; width and height as they are stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    colors = np.random.default_rng(sum(path.name.encode())).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(colors).resize(size).save(path, exif=exif)
    return path


def write(path: Path, content: object) -> Path:
    """Text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def labels_of(folder: Path, **options) -> Labels | None:
    """The labels of all pictures below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return find_labels(folder, without_masks(folder, files), **options)


def problem_texts(labels: Labels) -> str:
    return " | ".join(map(str, labels.problems))
