"""Publish finished files into the output folder: complete, or not at all.

In two steps, so that a journal can be written between them: :func:`stage` does whatever may fail for lack of room,
:func:`commit` only renames, and may be called again after a crash.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.common.errors import ConversionError, OptionError
from core.common.foreign_files import content_hash
from core.common.json_files import remove, retry_while_locked, sync_folder
from core.common.text import say

_BLOCK = 1 << 20


@dataclass(frozen=True)
class StagedFile:
    """A finished file, already in the output folder under a temporary name."""

    staged: Path
    final: Path
    """What it will be called there."""

    sha256: str
    backup: Path | None = None
    """A second name of the earlier file that it replaces; None where there is nothing to restore."""


def check_output_folder(out: Path) -> None:
    """Make the output folder, and check that files can be written there.

    Raises:
        OptionError: they cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (OSError, ValueError) as exc:
        raise OptionError(
            say('Files cannot be written into "{folder}".', folder=out),
            next_step=say("Choose another folder for the results, or get the permission to write there."),
            detail=str(exc),
        ) from exc


def publish(files: Sequence[Path], out: Path, *, tag: str) -> tuple[Path, ...]:
    """Copy the files of one artifact into ``out``, replacing an earlier result of the same name.

    Args:
        files: finished files in the work folder.
        out: the output folder.
        tag: part of the copies' names while they are incomplete: the job that they belong to.

    Raises:
        ConversionError: the disk is full, or a foreign file is in the way; nothing was changed.
    """
    staged = stage(files, out, tag=tag)
    commit(staged)
    return tuple(file.final for file in staged)


def stage(files: Sequence[Path], out: Path, *, tag: str) -> tuple[StagedFile, ...]:
    """Copy the files of one artifact into ``out`` under temporary names that end in ``.TAG.part``.

    Raises:
        ConversionError: the disk is full, or a foreign file is in the way; nothing is left of the copies.
    """
    finals = [out / file.name for file in files]
    _refuse_foreign_bin(finals)
    made: list[Path] = []

    def temporary() -> Path:
        # Not made from the file's name, which may be as long as the file system allows.
        made.append(out / f".{secrets.token_hex(4)}.{tag}.part")
        return made[-1]

    try:
        staged = tuple(
            # The last file of an artifact is replaced when nothing can go wrong any more, so it needs no backup.
            _stage_one(file, final, temporary(), None if final == finals[-1] else temporary())
            for file, final in zip(files, finals, strict=True)
        )
        sync_folder(out)
    except BaseException as exc:
        for path in made:
            remove(path)
        if isinstance(exc, OSError):
            raise _not_written(out, exc) from exc
        raise
    return staged


def commit(staged: Sequence[StagedFile]) -> None:
    """Give the files their names: all of them, or none.

    A .param and a .bin from two conversions would make a wrong model. May be called again after a crash: files that
    have their name already are known by their content.

    Raises:
        ConversionError: one cannot be replaced, or is gone; the earlier files are back.
    """
    try:
        for file in staged:
            if file.staged.exists():
                _rename(file.staged, file.final)
            elif not _is_published(file):
                raise FileNotFoundError(f"{file.final} is not the file that was made")
        sync_folder(staged[0].final.parent)
    except OSError as exc:
        _restore(staged)
        raise _not_written(staged[0].final.parent, exc) from exc
    discard(staged)


def discard(staged: Sequence[StagedFile]) -> None:
    """Remove what staging left under temporary names."""
    for file in staged:
        remove(file.staged)
        if file.backup is not None:
            remove(file.backup)


def _stage_one(file: Path, final: Path, staged: Path, backup: Path | None) -> StagedFile:
    sha256 = _copy(file, staged)
    if backup is None or not final.is_file():
        return StagedFile(staged, final, sha256)
    _back_up(final, backup)
    return StagedFile(staged, final, sha256, backup)


def _copy(file: Path, copy: Path) -> str:
    """Copy a file, with its content on the disk before it is renamed; return its SHA-256."""
    digest = hashlib.sha256()
    with file.open("rb") as source, copy.open("xb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def _rename(staged: Path, final: Path) -> None:
    retry_while_locked(lambda: staged.replace(final))


def _is_published(file: StagedFile) -> bool:
    with suppress(OSError, ValueError):
        return content_hash(file.final) == file.sha256
    return False


def _restore(staged: Sequence[StagedFile]) -> None:
    """Put back what was there before; what somebody else has put there since stays."""
    for file in staged:
        is_renamed = not file.staged.exists() and _is_published(file)
        if is_renamed and file.backup is not None:
            if file.backup.exists():  # else it was restored before a crash, and had the same content
                _rename(file.backup, file.final)
        elif is_renamed:
            remove(file.final)
    discard(staged)


def _back_up(file: Path, backup: Path) -> None:
    """Give the file a second name, or copy it on file systems without hard links."""
    try:
        backup.hardlink_to(file)
    except OSError:
        _copy(file, backup)


def _not_written(out: Path, error: OSError) -> ConversionError:
    return ConversionError(
        say('The result could not be written to "{folder}".', folder=out),
        next_step=say("Make room on the disk, or choose another folder for the results."),
        detail=str(error),
    )


def _refuse_foreign_bin(finals: Sequence[Path]) -> None:
    """A .bin without its .param is not ncnn's: OpenVINO, for one, uses that name beside the model too."""
    for final in finals:
        if final.suffix == ".bin" and final.exists() and not final.with_suffix(".param").exists():
            raise ConversionError(
                say('A file "{name}" that belongs to something else is in the way.', name=final.name),
                next_step=say("Move that file away, or choose another folder for the results."),
            )
