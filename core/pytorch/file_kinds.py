"""Tell the kind of a PyTorch file from the names in its archive and its pickle, without unpickling it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from core.common.archives import DAMAGED, ArchiveLimits, UnsafeArchive, open_archive

FileKind = Literal["torchscript", "torch.export", "ultralytics", "weights"]
"""``weights``: a plain checkpoint, which needs its config; also whatever is not recognised."""

LIMITS = ArchiveLimits(most_bytes=1 << 40, most_entries=200_000, most_ratio=20, never_refused_bytes=64 << 20)
"""PyTorch does not compress; an archive that somebody packed again is hardly smaller."""

_EXPORTED = re.compile(r"exported_program|(^|/)models/[^/]+\.json$|archive_format$")
_MOST_BYTES = 64 << 20
"""Of a pickle, in which the names stand early."""


def kind_of(path: Path) -> FileKind:
    """The kind of a file; a damaged one counts as ``weights``, and is an error when it is opened."""
    try:
        with open_archive(path, LIMITS) as archive:
            names = archive.namelist()
            if any(name.lower().endswith("constants.pkl") and "/data/" not in name for name in names):
                return "torchscript"
            if path.suffix.lower() == ".pt2" or any(_EXPORTED.search(name) for name in names):
                return "torch.export"
            pickle_name = next((name for name in names if name.lower().endswith("data.pkl")), None)
            pickled = _beginning(archive, pickle_name) if pickle_name else b""
    except (*DAMAGED, UnsafeArchive):
        return "weights"
    return "ultralytics" if b"ultralytics." in pickled or b"models.yolo" in pickled else "weights"


def _beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as entry:
        return entry.read(_MOST_BYTES)
