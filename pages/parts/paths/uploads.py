"""Uploaded files: written to disk at once, under names that can do no harm."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from core.common.errors import InputError
from core.common.path_rules import stays_inside
from core.common.paths import home
from core.common.text import say
from core.inputs.images import ARRAY_SUFFIXES, SUFFIXES
from core.preflight.in_helper import external_locations_in_helper
from core.queue.store import JobStore

_LABEL_SUFFIXES = frozenset({".csv", ".json", ".txt", ".xml", ".yaml", ".yml"})
"""File name endings of labels: core.labels reads them."""

_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_CHARACTERS = 120
_KEPT_SECONDS = 24 * 3600.0
_BLOCK = 1 << 20


class Upload(Protocol):
    """What Streamlit gives for one file."""

    name: str
    """As the browser sent it: anything, with slashes where a folder was dropped."""

    def seek(self, offset: int) -> int:
        """Go to a place in the file."""

    def read(self, size: int = -1) -> bytes:
        """Read on from there."""


def folder() -> Path:
    """The folder of all uploads; each has a folder of its own in it."""
    return home() / "uploads"


def is_upload(path: Path) -> bool:
    """Whether a file was uploaded, so that the person has no folder of their own for it on this computer."""
    return path.resolve().is_relative_to(folder().resolve())


def save_model(files: Sequence[Upload]) -> Path:
    """Write a model, and its external data, side by side.

    Returns:
        The .onnx file among them.

    Raises:
        InputError: there is none, or more than one, or they cannot be written.
    """
    models = [file for file in files if file.name.lower().endswith(".onnx")]
    if len(models) != 1:
        raise InputError(
            say(
                "Among these files there must be exactly one whose name ends with .onnx; there are {count}.",
                count=len(models),
            ),
            next_step=say("Choose one model at a time, together with its .data file if it has one."),
        )
    saved = _save(files)
    model = next(path for path in saved.rglob("*") if path.suffix.lower() == ".onnx")
    _put_weights_in_place(model)
    return model


def _put_weights_in_place(model: Path) -> None:
    """Move uploaded weights to where the model looks for them: browsers tell no folders of single files."""
    folder = model.parent.resolve()
    for location in external_locations_in_helper(model):
        if not stays_inside(location):
            continue  # the model's inspection says what is wrong with it
        given, wanted = folder / safe_parts(location)[-1], (folder / location).resolve()
        if given.is_file() and wanted.is_relative_to(folder) and not wanted.exists():
            with suppress(OSError):  # the name is none here: the file is missing, as the model's inspection says
                wanted.parent.mkdir(parents=True, exist_ok=True)
                given.rename(wanted)


def save_file(file: Upload, suffixes: Sequence[str]) -> Path:
    """Write one file.

    Args:
        file: what was uploaded.
        suffixes: how its name may end, in small letters.

    Raises:
        InputError: its name ends otherwise, or it cannot be written.
    """
    name = safe_parts(file.name)[-1]
    if not name.lower().endswith(tuple(suffixes)):
        raise InputError(
            say('"{name}" is not such a file.', name=name),
            next_step=say("Choose a file whose name ends with one of these: {suffixes}", suffixes=", ".join(suffixes)),
        )
    return _save([file]) / name


def save_picture(file: Upload) -> Path:
    """Write one picture; whether it is one shows when it is decoded.

    Raises:
        InputError: its name is not that of a picture, or it cannot be written.
    """
    return save_file(file, sorted(SUFFIXES))


def save_examples(files: Sequence[Upload]) -> Path:
    """Write a folder of pictures or arrays with its subfolders and label files; other files are left out.

    Returns:
        The folder that was dropped.

    Raises:
        InputError: there is no picture and no array among them, or they cannot be written.
    """
    wanted = [file for file in files if _is_example(file.name) or _suffix(file.name) in _LABEL_SUFFIXES]
    if not any(_is_example(file.name) for file in wanted):
        raise InputError(
            say("There are no pictures and no arrays in what you uploaded."),
            next_step=say("Pick a folder with pictures (JPG, PNG, BMP, WEBP, TIFF) or with .npy or .npz files."),
        )
    saved = _save(wanted)
    entries = list(saved.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else saved


def safe_parts(name: str) -> tuple[str, ...]:
    """An uploaded file's name as the parts of a relative path that is valid on every system."""
    parts = (_FORBIDDEN.sub("_", part).strip(" .")[-_MOST_CHARACTERS:] for part in re.split(r"[/\\]", name))
    kept = tuple(f"_{part}" if _DEVICE_NAMES.fullmatch(part) else part for part in parts if part)
    return kept or ("file",)


def sweep(store: JobStore) -> None:
    """Remove uploads from days ago that no job needs any more."""
    needed = [path for job_id in store.ids() for path in _paths(store, job_id)]
    with suppress(OSError):
        for upload in list(folder().iterdir()):
            is_old = time.time() - upload.stat().st_mtime > _KEPT_SECONDS
            if is_old and not any(path.is_relative_to(upload) for path in needed):
                shutil.rmtree(upload, ignore_errors=True)


def _paths(store: JobStore, job_id: str) -> Iterable[Path]:
    try:
        job = store.job(job_id)
    except InputError:
        return ()
    return tuple(path for path in (job.source, job.images, job.test_images) if path is not None)


def _save(files: Iterable[Upload]) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    saved = folder() / f"{stamp}-{secrets.token_hex(4)}"
    try:
        for file in files:
            _write(file, _free(saved.joinpath(*safe_parts(file.name))))
    except OSError as exc:
        shutil.rmtree(saved, ignore_errors=True)
        raise InputError(
            say('The uploaded files cannot be saved in "{folder}".', folder=folder()),
            next_step=say("Make sure that the disk is not full and that you may write to this folder."),
            detail=repr(exc),
        ) from exc
    return saved


def _write(file: Upload, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file.seek(0)
    with path.open("wb") as target:
        while block := file.read(_BLOCK):
            target.write(block)


def _free(path: Path) -> Path:
    """Two names may become the same one when they are made harmless."""
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _is_example(name: str) -> bool:
    return _suffix(name) in SUFFIXES | ARRAY_SUFFIXES


def _suffix(name: str) -> str:
    return Path(re.split(r"[/\\]", name)[-1]).suffix.lower()
