"""The version in every file of the history, so that one of a later EdgePress is told from a damaged one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.json_files import read_json, write_json

VERSION = 1
"""Raised when a file of this version could be misread by an earlier EdgePress; new fields need no new version."""


class NewerVersionError(ValueError):
    """The file was written by a later version of EdgePress."""


def write_versioned(path: Path, data: Mapping[str, Any], *, indent: int | None = None, durable: bool = False) -> None:
    """Write JSON with the version in it; as :func:`core.common.json_files.write_json` otherwise.

    Raises:
        OSError: the disk is full, or the folder is gone or read-only.
    """
    write_json(path, {"version": VERSION, **data}, indent=indent, durable=durable)


def read_versioned(path: Path) -> Any:
    """Read JSON that :func:`write_versioned` or an EdgePress without versions wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        NewerVersionError: it was written by a later version.
        ValueError: it is damaged.
    """
    data = read_json(path)
    version = data.get("version", VERSION) if isinstance(data, Mapping) else VERSION
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"version {version!r:.20}")
    if version > VERSION:
        raise NewerVersionError(f"version {version:.0f}, {VERSION} is the newest one known")
    return data
