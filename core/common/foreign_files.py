"""Files that a person or a stranger put somewhere: only regular ones of sane size are opened."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20


def check_regular(path: Path, most_bytes: int | None = None) -> int:
    """Refuse what is no regular file (a pipe waits for ever, a device never ends) or is too large.

    Args:
        path: links are followed.
        most_bytes: it may have, if that is limited; a file with holes counts as it would be read.

    Returns:
        Its size in bytes.

    Raises:
        OSError: there is no such file.
        ValueError: it is no regular file, or too large.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("no regular file")
    if most_bytes is not None and found.st_size > most_bytes:
        raise ValueError(f"{found.st_size} bytes, more than {most_bytes}")
    return found.st_size


def open_regular(path: Path) -> BinaryIO:
    """Open a file whose path has been checked; it is checked again once it is open, where nobody can exchange it.

    Raises:
        OSError: it cannot be opened, or is a link by now.
        ValueError: it is no regular file.
    """
    # Without waiting for the other end of a pipe; Windows has neither flag.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("no regular file")
    return file


def content_hash(path: Path, most_bytes: int | None = None) -> str:
    """SHA-256 of a file's content, in hexadecimal, read in blocks.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or too large.
    """
    check_regular(path, most_bytes)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
