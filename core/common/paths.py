"""Where EdgePress itself and its data are on this computer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""This copy of EdgePress."""

ASSETS = PROJECT_ROOT / "assets"
"""Icon, languages and the bundled sample."""

_SUBFOLDERS = ("jobs", "locks", "logs", "results", "uploads")


_MOST_NAME_BYTES = 190
"""Of 255 that file systems take: endings follow, and what temporary files have besides."""


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder (jobs, uploads, settings): ``EDGEPRESS_HOME``, or ``.edgepress`` in the person's home folder."""
    chosen = environ.get("EDGEPRESS_HOME")
    return Path(chosen).expanduser().absolute() if chosen else Path.home() / ".edgepress"


def make_private(folder: Path) -> None:
    """Make the data folder so that no other account of the computer can look into it; mend one that was wider.

    A folder that was there before and has another name than the usual one may hold things of others too. It keeps its
    access; what EdgePress makes in it is closed.

    Raises:
        OSError: it cannot be made.
    """
    is_new = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":  # on Windows the person's own folder is closed to others already
        return
    is_own = is_new or folder == home({})
    for each in (folder,) if is_own else (folder / name for name in _SUBFOLDERS):
        with suppress(OSError):  # not there, or another account's, who decides
            if each.stat().st_mode & 0o077:
                each.chmod(0o700)


def is_file(path: Path) -> bool:
    """As ``Path.is_file``, which raises OSError for a name that is too long; a report may have been made by hand."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """As ``Path.is_dir``, likewise."""
    try:
        return path.is_dir()
    except OSError:
        return False


def real_path(path: Path) -> Path:
    """A path with its links followed; at links in a circle it stops, where ``Path.resolve`` raises RuntimeError."""
    return Path(os.path.realpath(path))


def output_stem(model: Path) -> str:
    """The file name of a model without its ending, as result names begin: shortened where there is no room for more."""
    stem = model.stem
    name = os.fsencode(stem)
    if len(name) <= _MOST_NAME_BYTES:
        return stem
    kept = name[: _MOST_NAME_BYTES - 9].decode("utf-8", errors="ignore")
    return f"{kept}-{hashlib.sha256(name).hexdigest()[:8]}"


def is_text(name: str) -> bool:
    """Whether a file name can be encoded; on Linux it may be any bytes."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
