"""Write a kit's folder and its zip: complete, or not at all."""

from __future__ import annotations

import json
import secrets
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.common.errors import ConversionError, EdgePressError, OptionError
from core.common.json_files import remove, retry_while_locked
from core.common.publish import check_output_folder
from core.common.text import say
from core.kit.names import SETTINGS

_PART, _EARLIER = "kit.part", "earlier"
_LEFT_OVER_SECONDS = 24 * 3600.0
"""Age from which a temporary folder is what a crash has left."""


@dataclass(frozen=True)
class KitPaths:
    """Where a kit lies."""

    folder: Path
    archive: Path

    @classmethod
    def of(cls, out: Path, name: str) -> KitPaths:
        """Those of a kit of this name in a folder."""
        return cls(out / name, out / f"{name}.zip")


def write_kit(fill: Callable[[Path], None], paths: KitPaths, *, token: str = "") -> None:
    """Make a kit in a temporary folder beside its place, pack it, then put both in their place.

    An earlier kit of the same name is replaced; anything else of that name stays, and nothing is written.

    Args:
        fill: writes the files of the kit into a folder that is empty.
        paths: where it is to be.
        token: names the temporary folder, for a caller that removes it where this process is killed; by default a
            random one.

    Raises:
        OptionError: files cannot be written there, or something else has that name.
        ConversionError: the disk is full, or the earlier kit is in use.
        EdgePressError: what ``fill`` raises; nothing is left of the new kit.
    """
    out = paths.folder.parent
    check_output_folder(out)
    _refuse_foreign(paths)
    _remove_leftovers(out)
    work = _work_folder(out, token or new_token())
    try:
        work.mkdir()
        made = work / paths.folder.name
        made.mkdir()
        fill(made)
        packed = work / paths.archive.name
        _pack(made, packed)
        _replace(work, made, packed, paths)
    except EdgePressError:
        raise
    except OSError as exc:
        raise ConversionError(
            say('The kit could not be written to "{folder}".', folder=out),
            next_step=say("Make room on the disk, close what has the earlier kit open, or choose another folder."),
            detail=str(exc),
        ) from exc
    finally:
        _clean_up(work)


def new_token() -> str:
    """A name for one making of a kit."""
    return secrets.token_hex(4)


def clean_up(out: Path, token: str) -> None:
    """Remove what a process that was killed has left of a kit; an earlier kit that it had moved away is back."""
    _clean_up(_work_folder(out, token))


def _work_folder(out: Path, token: str) -> Path:
    return out / f".{token}.{_PART}"


def _clean_up(work: Path) -> None:
    with suppress(OSError):
        for earlier in list((work / _EARLIER).iterdir()):
            if not (work.parent / earlier.name).exists():
                earlier.replace(work.parent / earlier.name)
    remove(work)


def is_kit(folder: Path) -> bool:
    """Whether a folder is a kit, and not somebody's own of the same name."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(settings, dict) and "format" in settings and "task" in settings and not folder.is_symlink()


def _refuse_foreign(paths: KitPaths) -> None:
    has_foreign_folder = paths.folder.exists() and not is_kit(paths.folder)
    # A zip of this name without a kit beside it was not made here, or was all that its owner kept.
    has_foreign_archive = paths.archive.exists() and (not paths.archive.is_file() or paths.archive.is_symlink())
    if has_foreign_folder or paths.folder.is_symlink() or has_foreign_archive:
        raise OptionError(
            say('"{name}", which belongs to something else, is in the way of the kit.', name=paths.folder.name),
            next_step=say("Move it away, or choose another folder for the kits."),
        )


def _replace(work: Path, made: Path, packed: Path, paths: KitPaths) -> None:
    """Only renames; where the last one fails, the earlier kit is back."""
    earlier = work / _EARLIER / paths.folder.name
    earlier.parent.mkdir()
    has_earlier = paths.folder.exists()
    if has_earlier:
        retry_while_locked(lambda: paths.folder.replace(earlier))
    try:
        retry_while_locked(lambda: made.replace(paths.folder))
        retry_while_locked(lambda: packed.replace(paths.archive))
    except OSError:
        with suppress(OSError):
            if paths.folder.exists():
                paths.folder.replace(made)
        if has_earlier:
            retry_while_locked(lambda: earlier.replace(paths.folder))
        raise


def _pack(folder: Path, archive: Path) -> None:
    """The folder with its name, so that it unpacks to one."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6, strict_timestamps=False) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder.parent).as_posix())


def _remove_leftovers(out: Path) -> None:
    for part in list(out.glob(f".*.{_PART}")):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _LEFT_OVER_SECONDS:
                _clean_up(part)
