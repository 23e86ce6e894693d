"""Folders of things that are fetched on demand: by one process at a time, there as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.common.errors import ToolError
from core.common.file_lock import FileLock
from core.common.json_files import remove as remove_quietly
from core.common.text import Text, say


def lock_of(folder: Path) -> FileLock:
    """The lock of those who make or remove it; its file lies beside it, and stays."""
    return FileLock(folder.with_name(f".{folder.name}.lock"))


@contextmanager
def locked(folder: Path, *, busy: Text) -> Iterator[None]:
    """Keep others from making or removing it.

    Args:
        folder: whether it exists or not; the one above it does.
        busy: what is told where another process is at it.

    Raises:
        ToolError: another process is at it.
    """
    lock = lock_of(folder)
    if not lock.acquire():
        raise ToolError(busy, next_step=say("Wait until that window has finished."))
    try:
        yield
    finally:
        lock.release()


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes its place at the end; nothing is left of it after an error.

    The caller holds the lock. What killed processes left is removed first.
    """
    _remove_parts(folder)
    part = _part(folder)
    try:
        yield part
        remove_quietly(folder)
        part.rename(folder)
    finally:
        remove_quietly(part)


def remove(folder: Path) -> None:
    """Delete it; nothing happens where it is not there. The caller holds the lock.

    It is moved away first, so that what is half removed is never taken for the whole.

    Raises:
        OSError: a file in it is in use.
    """
    _remove_parts(folder)
    if folder.exists():
        away = _part(folder) / folder.name
        folder.rename(away)
        shutil.rmtree(away.parent)


def remove_unfinished(folder: Path) -> None:
    """Delete what killed processes left; nothing happens while one is at work."""
    lock = lock_of(folder)
    if lock.acquire():
        try:
            _remove_parts(folder)
        finally:
            lock.release()


def _part(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.parent))


def _remove_parts(folder: Path) -> None:
    for part in list(folder.parent.glob(f".{folder.name}-*.part")):
        remove_quietly(part)
