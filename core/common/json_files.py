"""Small JSON files that several processes read and write at the same time."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from core.common.foreign_files import check_regular

Result = TypeVar("Result")

MAX_BYTES = 256_000_000
"""That are read of one file; the largest report known, of a graph of 20,000 layers, has 30 million."""

_MOST_DIGITS = 20
_RETRIES, _PAUSE = 20, 0.02


def write_json(
    path: Path, data: Any, *, indent: int | None = None, durable: bool = False, is_private: bool = False
) -> None:
    """Write atomically: a reader sees the old content or the new one, never a mixture.

    Args:
        path: the file; its folder exists.
        data: what :mod:`json` can write.
        indent: spaces for each level, where people read the file too.
        durable: whether it must be on the disk on return, so that no power cut can take it back.
        is_private: whether no other account of the computer may read it (not on Windows, where folders decide that).

    Raises:
        OSError: the disk is full, or the folder is gone or read-only.
    """
    write_bytes(path, _encoded(data, indent), durable=durable, is_private=is_private)


def write_bytes(path: Path, content: bytes, *, durable: bool = False, is_private: bool = False) -> None:
    """The same for any content.

    Raises:
        OSError: the disk is full, or the folder is gone or read-only.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")  # whatever the file is called, the name is short enough
    try:
        part.touch(mode=0o600 if is_private else 0o666, exist_ok=False)
        with part.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        retry_while_locked(lambda: os.replace(part, path))  # noqa: PTH105 - named for its atomicity
    finally:
        part.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows has no such call, and needs none.

    Raises:
        OSError: the folder cannot be opened.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems know no fsync of folders
            os.fsync(handle)
    finally:
        os.close(handle)


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
        ValueError: it holds no JSON, or is no regular file of sane size.
    """
    check_regular(path, MAX_BYTES)
    text = retry_while_locked(lambda: path.read_text(encoding="utf-8"))
    try:
        return json.loads(text, parse_int=_int)
    except RecursionError as exc:  # thousands of nested brackets
        raise ValueError("nested too deeply") from exc


def _int(digits: str) -> int:
    """A whole number as programs write it; one of hundreds of digits fits into no other type."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


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
