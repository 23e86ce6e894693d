"""Tell what kind of PyTorch file one is, by its names and its pickle's, without opening it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

FileKind = Literal["torchscript", "torch.export", "ultralytics", "weights"]
"""``weights``: a plain checkpoint, which says nothing without its config; also whatever cannot be told."""


def kind_of(path: Path) -> FileKind:
    """What a file holds; a damaged one counts as ``weights``, and is named when it is opened.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name.endswith("/constants.pkl") and "/data/" not in name for name in names):
                return "torchscript"
            if path.suffix == ".pt2" or any(
                "exported_program" in name or name.endswith("/models/model.json") for name in names
            ):
                return "torch.export"
            pickled = next((name for name in names if name.endswith("data.pkl")), None)
            inside = archive.read(pickled) if pickled else b""
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        return "weights"
    return "ultralytics" if b"ultralytics." in inside or b"models.yolo" in inside else "weights"
