"""Small JSON files that several processes read and write at the same time."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

_RETRIES, _PAUSE = 20, 0.02


def write_json(path: Path, data: Any, *, indent: int | None = None) -> None:
    """Write atomically: a reader sees the old content or the new one, never a mixture.

    Args:
        path: the file; its folder exists.
        data: what :mod:`json` can write.
        indent: spaces for each level, where people read the file too.

    Raises:
        OSError: the disk is full, or the folder is gone or read-only.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")  # whatever the file is called, the name is short enough
    try:
        part.write_bytes(_encoded(data, indent))
        retry_while_locked(lambda: os.replace(part, path))  # noqa: PTH105 - named for its atomicity
    finally:
        part.unlink(missing_ok=True)


def _encoded(data: Any, indent: int | None) -> bytes:
    """As readable UTF-8; where a file name is no text, as escapes, which give the same name again."""
    try:
        return json.dumps(data, ensure_ascii=False, indent=indent).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(data, indent=indent).encode("ascii")


def read_json(path: Path) -> Any:
    """Read what :func:`write_json` wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it holds no JSON.
    """
    text = retry_while_locked(lambda: path.read_text(encoding="utf-8"))
    try:
        return json.loads(text)
    except RecursionError as exc:  # thousands of nested brackets
        raise ValueError("nested too deeply") from exc


def retry_while_locked(action: Callable[[], Result]) -> Result:
    """Retry on PermissionError: Windows refuses a file while another process has it open.

    Raises:
        OSError: it still fails after 0.4 seconds.
    """
    for _ in range(_RETRIES):
        try:
            return action()
        except PermissionError:
            time.sleep(_PAUSE)
    return action()


def remove(path: Path) -> None:
    """Remove a file or a whole folder if it is there; what cannot be removed stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return
