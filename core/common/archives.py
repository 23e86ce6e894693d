"""Zip archives of strangers: what they claim to hold is checked before anything of it is read or unpacked."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from core.common.foreign_files import check_regular
from core.common.text import Text, say

DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, OverflowError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What :mod:`zipfile` raises on archives that are damaged, encrypted or packed in an unusual way."""

_BYTES_PER_ENTRY = 46
"""The least that an entry takes in the directory of an archive."""

_DIRECTORY_ALLOWANCE = 300
"""Bytes of an entry's name and extra fields, for which the directory of an archive may have room on average."""

_END, _END_SIZE, _MOST_COMMENT = b"PK\5\6", 22, 65535
_END64, _END64_SIZE, _LOCATOR_SIZE = b"PK\6\6", 56, 20
_FILE_TYPE, _REGULAR, _FOLDER = 0o170000, 0o100000, 0o040000
_ENCRYPTED = 1


class UnsafeArchive(Exception):
    """An archive that is not unpacked, since it would take too much, or write where it should not."""

    def __init__(self, reason: Text) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold."""

    most_bytes: int
    """Unpacked, all entries together."""

    most_entries: int = 20_000
    most_ratio: float | None = None
    """Unpacked size over the size of the archive, which says that it was made to fill a disk or a memory."""

    never_refused_bytes: int = 0
    """Unpacked size up to which the ratio does not matter: a few zeros pack very well."""


@contextmanager
def open_archive(source: Path | BinaryIO, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    """Open an archive that keeps to the limits. An entry never unpacks to more than the size that it claims.

    Args:
        source: the archive; of a path, only a regular file is opened.
        limits: for what it claims to hold.

    Raises:
        UnsafeArchive: it holds too much.
        OSError, ValueError, zipfile.BadZipFile: those of :data:`DAMAGED`; it cannot be read.
    """
    if isinstance(source, Path):
        check_regular(source)
        with source.open("rb") as file, open_archive(file, limits) as archive:
            yield archive
        return
    packed = source.seek(0, 2)
    if _directory_bytes(source) > limits.most_entries * (_BYTES_PER_ENTRY + _DIRECTORY_ALLOWANCE):
        raise _too_many(limits)  # before zipfile makes an object of each
    with zipfile.ZipFile(source) as archive:
        _check_sizes(archive, packed, limits)
        yield archive


def check_names(archive: zipfile.ZipFile) -> None:
    """Refuse entries that would not lie inside the folder that an archive is unpacked into, on any system.

    Raises:
        UnsafeArchive: a name is absolute, leads upwards, is reserved or no name on Windows, or occurs twice; or an
            entry is a link or a device.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for entry in archive.infolist():
        if _is_unsafe_name(entry.orig_filename) or _is_special(entry):
            raise UnsafeArchive(say("It holds a file that would be put somewhere else: {file}", file=_shown(entry)))
        key = unicodedata.normalize("NFC", entry.filename).casefold().rstrip("/")
        if key in seen or (key in folders and not entry.is_dir()):
            raise UnsafeArchive(say("It holds two files of one name: {file}", file=_shown(entry)))
        seen.add(key)
        folders.update(map(str, PurePosixPath(key).parents))


def _check_sizes(archive: zipfile.ZipFile, packed: int, limits: ArchiveLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.most_entries:
        raise _too_many(limits)
    most = limits.most_bytes
    if limits.most_ratio is not None:
        most = min(most, max(int(limits.most_ratio * packed), limits.never_refused_bytes))
    claimed = sum(entry.file_size for entry in entries)
    if claimed > most:
        raise UnsafeArchive(
            say(
                "Unpacked it would take {size} MB, more than the {most} MB that an archive of its size may take.",
                size=claimed // 10**6,
                most=most // 10**6,
            )
        )
    for entry in entries:
        # The other methods hand out any amount at once.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & _ENCRYPTED:
            raise UnsafeArchive(say("It is encrypted, or packed in an unusual way."))


def _too_many(limits: ArchiveLimits) -> UnsafeArchive:
    return UnsafeArchive(say("It holds more than {count} files.", count=limits.most_entries))


def _directory_bytes(file: BinaryIO) -> int:
    """The size of the directory, as the last record of the archive tells; 0 where there is none."""
    size = file.seek(0, 2)
    start = max(0, size - _END_SIZE - _MOST_COMMENT - _LOCATOR_SIZE - _END64_SIZE)
    file.seek(start)
    tail = file.read(size - start)
    end = tail.rfind(_END)
    if end < 0 or end + _END_SIZE > len(tail):
        return 0
    claimed: int = struct.unpack_from("<L", tail, end + 12)[0]
    large = end - _LOCATOR_SIZE - _END64_SIZE
    if large >= 0 and tail.startswith(_END64, large):
        claimed = max(0 if claimed == 0xFFFFFFFF else claimed, struct.unpack_from("<Q", tail, large + 40)[0])
    return min(claimed, size)


def _is_unsafe_name(name: str) -> bool:
    """By the rules of all systems: an archive that is safe on one only is refused everywhere."""
    windows, posix = PureWindowsPath(name), PurePosixPath(name.replace("\\", "/"))
    return (
        not name.strip("/")
        or any(ord(character) < 32 or character in '<>:"|?*' for character in name)
        or bool(windows.drive or windows.root)
        or posix.is_absolute()
        or any(_is_unsafe_part(part) for part in posix.parts)
    )


def _is_unsafe_part(part: str) -> bool:
    reserved = {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")}
    stem = part.split(".")[0].rstrip().upper()
    return part == ".." or part.endswith((" ", ".")) or stem in reserved


def _is_special(entry: zipfile.ZipInfo) -> bool:
    """Whether it is a link, a device or a pipe; systems without file types leave the field empty."""
    return (entry.external_attr >> 16) & _FILE_TYPE not in (0, _REGULAR, _FOLDER)


def _shown(entry: zipfile.ZipInfo) -> str:
    return "".join(c if c.isprintable() else "?" for c in entry.orig_filename[:100])
