"""The pictures that a job stored with the predictions of its files, read once and kept while they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.job.target_id import FileId, TargetId
from core.queue.job_folder import JobFolder
from core.report.before_after import BeforeAfter
from core.report.gallery_entries import entries_of, files_in_use
from core.report.schema import Report

_MOST_OPEN = 6
"""Jobs whose predictions are kept in memory."""


@dataclass(frozen=True)
class StoredPictures:
    """Where the predictions are, and of which files."""

    folder: Path
    """Of the job."""

    files: tuple[tuple[TargetId, FileId], ...]
    """Of each target the file that is in use."""

    class_names: tuple[str, ...]
    stamp: tuple[int, int]
    """Of ``gallery.json``: another one is another set of pictures."""

    @classmethod
    def of(cls, folder: Path, report: Report) -> StoredPictures:
        """Those of a job, as it is now."""
        return cls.at(folder, files_in_use(report.converted), report.task.class_names)

    @classmethod
    def at(cls, folder: Path, files: Mapping[TargetId, FileId], class_names: tuple[str, ...]) -> StoredPictures:
        """Those in a folder, as it is now."""
        return cls(folder, tuple(files.items()), class_names, _stamp(folder / "gallery.json"))

    def read(self) -> BeforeAfter:
        """The pictures with all predictions; none where there is no list of them, or it is damaged."""
        return _read(self)


@lru_cache(maxsize=_MOST_OPEN)
def _read(stored: StoredPictures) -> BeforeAfter:
    entries = entries_of(JobFolder(stored.folder).gallery(), dict(stored.files))
    return BeforeAfter(stored.folder / "gallery", entries, stored.class_names)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
