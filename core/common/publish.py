"""Publish finished files into the output folder: complete, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from core.common.errors import ConversionError, OptionError
from core.common.json_files import remove
from core.common.text import say


def check_output_folder(out: Path) -> None:
    """Make the output folder, and check that files can be written there.

    Raises:
        OptionError: they cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".edgepress-{os.getpid()}.part"
        probe.touch()
        probe.unlink()
    except OSError as exc:
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
    finals = tuple(out / file.name for file in files)
    _refuse_foreign_bin(finals)
    partials = tuple(out / f".{file.name}.{tag}.part" for file in files)
    try:
        for file, partial in zip(files, partials, strict=True):
            shutil.copyfile(file, partial)
        _replace_all(finals, partials)
    except OSError as exc:
        raise ConversionError(
            say('The result could not be written to "{folder}".', folder=out),
            next_step=say("Make room on the disk, or choose another folder for the results."),
            detail=str(exc),
        ) from exc
    finally:
        for partial in partials:
            remove(partial)
    return finals


def _replace_all(finals: Sequence[Path], partials: Sequence[Path]) -> None:
    """Replace every file, or none: a .param and a .bin from two conversions would make a wrong model.

    Raises:
        OSError: one cannot be replaced; those before it are restored.
    """
    backups = [partial.with_name(f".old{partial.name}") for partial in partials]
    replaced: list[tuple[Path, Path]] = []
    try:
        for final, partial, backup in zip(finals, partials, backups, strict=True):
            if final != finals[-1] and final.is_file():
                _back_up(final, backup)
            partial.replace(final)
            replaced.append((final, backup))
    except OSError:
        for final, backup in replaced:
            backup.replace(final) if backup.exists() else final.unlink()
        raise
    finally:
        for backup in backups:
            remove(backup)


def _back_up(file: Path, backup: Path) -> None:
    """Give the file a second name, or copy it on file systems without hard links."""
    try:
        backup.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, backup)


def _refuse_foreign_bin(finals: Sequence[Path]) -> None:
    """A .bin without its .param is not ncnn's: OpenVINO, for one, uses that name beside the model too."""
    for final in finals:
        if final.suffix == ".bin" and final.exists() and not final.with_suffix(".param").exists():
            raise ConversionError(
                say('A file "{name}" that belongs to something else is in the way.', name=final.name),
                next_step=say("Move that file away, or choose another folder for the results."),
            )
