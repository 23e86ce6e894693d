"""Which functions and classes the pickles in a file ask for, read from their opcodes: nothing is unpickled."""

from __future__ import annotations

import io
import mmap
import pickletools
import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from core.common.archives import open_archive
from core.pytorch.file_kinds import LIMITS

_MOST_BYTES, _MOST_OPCODES = 256 << 20, 2_000_000
"""Of one pickle; those of checkpoints are far smaller, since tensors lie beside them."""

_MOST_NAMES = 100

_MOST_NESTED = 3
"""Files of torch.export hold archives, which hold pickles."""

_LEGACY_PICKLES = 5
"""Before PyTorch 1.6 a checkpoint was a sequence of five pickles, the contents not the first of them, then the data."""

_STORAGE = re.compile(r"[^/]*/data/\d+")
"""The data of a tensor."""

_ALLOWED = re.compile(
    r"torch\.(cuda\.|sparse\.|cuda\.sparse\.)?([A-Z]\w*)?(Tensor|Storage)"
    r"|torch\.(Size|device|bool|bfloat16|(q?u?int|float|complex|bits)\d\w*|per_(tensor|channel)_\w+)"
    r"|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2|torch\.serialization\._get_layout"
    r"|torch\.nn\.parameter\.Parameter|torch\.storage\.(Typed|Untyped)Storage"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode"
    r"|(builtins|__builtin__)\.(bytearray|complex|set|getattr)"
    r"|numpy\.(_core|core)\.multiarray\.(_reconstruct|scalar)|numpy\.(ndarray|dtype|dtypes\.\w+DType)"
    r"|mmengine\.logging\.history_buffer\.HistoryBuffer"
)
"""What weights and the records of a training need: what PyTorch allows with ``weights_only``, and what
:mod:`~core.pytorch.worker.checkpoint` allows beside that (of which ``getattr`` and the last one are stubs there)."""

_UNKNOWN = "a name that is computed"
_SAME_TOP = frozenset({"PROTO", "FRAME"})
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})


class UnreadablePickle(ValueError):
    """A pickle that is damaged, or too large for one of a checkpoint."""


def foreign_globals(path: Path) -> tuple[str, ...]:
    """What the pickles in a file import that weights do not need, which may run any program.

    Looked at are all pickles: those of an archive and of archives inside it, or the sequence that PyTorch wrote
    before it used archives. As PyTorch does, a file counts as an archive if it begins like one.

    Args:
        path: a checkpoint, TorchScript or torch.export file.

    Raises:
        UnreadablePickle: a pickle is damaged or too large.
        UnsafeArchive: the archive claims to hold too much.
        OSError, ValueError, zipfile.BadZipFile: as :data:`core.common.archives.DAMAGED`.
    """
    with path.open("rb") as file:
        names = _in_archive(file, 0) if _is_archive(file) else _in_sequence(file)
        foreign = (name for name in names if not _ALLOWED.fullmatch(name))
        return tuple(dict.fromkeys(islice(foreign, _MOST_NAMES)))


def _is_archive(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(4) == b"PK\3\4"


def _in_archive(file: BinaryIO, depth: int) -> Iterator[str]:
    with open_archive(file, LIMITS) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and not _STORAGE.fullmatch(entry.filename):
                yield from _in_entry(archive, entry, depth)


def _in_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, depth: int) -> Iterator[str]:
    with archive.open(entry) as opened:
        beginning = opened.read(4)
        is_archive = beginning == b"PK\3\4"
        is_named = entry.filename.lower().endswith(".pkl")  # PyTorch finds entries in any case
        if not is_named and not is_archive and not re.match(b"\x80[\2-\5]", beginning):
            return
        if entry.file_size > _MOST_BYTES:
            raise UnreadablePickle(f"{entry.filename[:100]}: {entry.file_size} bytes")
        content = io.BytesIO(beginning + opened.read())
    if is_archive:
        if depth == _MOST_NESTED:
            raise UnreadablePickle(f"{entry.filename[:100]}: archives in archives")
        yield from _in_archive(content, depth + 1)
        return
    try:
        yield from _globals(content)
    except UnreadablePickle:
        if is_named:  # else it only begins like a pickle
            raise


def _in_sequence(file: BinaryIO) -> Iterator[str]:
    length = min(file.seek(0, 2), _MOST_BYTES)
    with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ) as content:  # reads no more than there is
        yield from _globals(content)
        try:
            for _ in range(_LEGACY_PICKLES - 1):
                yield from _globals(content)
        except UnreadablePickle:  # other programs write one pickle only
            return


def _globals(stream: Any) -> Iterator[str]:
    """Module and name of everything that one pickle imports; the stream, a file or a memory map, is read to its end.

    Of the stack only the strings on its top are followed: after any other opcode the top counts as unknown.
    """
    top: tuple[str | None, str | None] = (None, None)
    memo: dict[int, str | None] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _MOST_OPCODES:
                raise UnreadablePickle(f"more than {_MOST_OPCODES} opcodes")
            if opcode.name in ("GLOBAL", "INST"):
                yield ".".join(str(argument).split(" ", 1))
            elif opcode.name == "STACK_GLOBAL":
                yield _UNKNOWN if None in top else ".".join(map(str, top))
            elif opcode.name.startswith("EXT"):  # a number of the registry of the process
                yield _UNKNOWN
            top = _next_top(opcode.name, argument, top, memo)
    except UnreadablePickle:
        raise
    # pickletools raises anything on damage: ValueError, struct.error, UnicodeDecodeError, IndexError, ...
    except Exception as exc:
        raise UnreadablePickle(repr(exc)[:500]) from exc


def _next_top(
    name: str, argument: object, top: tuple[str | None, str | None], memo: dict[int, str | None]
) -> tuple[str | None, str | None]:
    """The two values on top of the stack after an opcode, where they are strings."""
    if name in _PUT:
        memo[int(str(argument))] = top[1]
    elif name == "MEMOIZE":
        memo[len(memo)] = top[1]
    elif name in _GET:
        return top[1], memo.get(int(str(argument)))
    elif name not in _SAME_TOP:
        return top[1], argument if isinstance(argument, str) and "UNICODE" in name else None
    return top
