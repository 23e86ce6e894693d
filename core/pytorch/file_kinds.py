"""Tell the kind of a PyTorch file from the names in its archive and its pickle, without unpickling it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

FileKind = Literal["torchscript", "torch.export", "ultralytics", "weights"]
"""``weights``: a plain checkpoint, which needs its config; also whatever is not recognised."""


def kind_of(path: Path) -> FileKind:
    """The kind of a file; a damaged one counts as ``weights``, and is an error when it is opened.

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
            pickle_name = next((name for name in names if name.endswith("data.pkl")), None)
            pickled = archive.read(pickle_name) if pickle_name else b""
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        return "weights"
    return "ultralytics" if b"ultralytics." in pickled or b"models.yolo" in pickled else "weights"
