"""A dialog inside the page for browsing the folders of this computer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import streamlit as st

from core.common import number_format
from core.common.paths import is_text
from core.common.text import Text, plural, say
from core.inputs.images import ARRAY_SUFFIXES
from core.inputs.images import SUFFIXES as IMAGE_SUFFIXES
from pages.parts.paths.system_window import SUFFIXES, PathKind
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_MOST_SHOWN = 200
_SHOWN_FOLDER = "browser-folder"
_HEIGHT = 380
_MOUNTS = ("/Volumes", "/media", "/mnt")

_TITLES: Mapping[PathKind, Text] = {
    "model": say("Choose a model"),
    "examples": say("Choose a folder with examples"),
    "folder": say("Choose a folder"),
    "config": say("Choose a config"),
    "checkpoint": say("Choose a file with weights"),
}
_EMPTY: Mapping[PathKind, Text] = {
    "model": say("No folder and no ONNX model in here."),
    "examples": say("No folders in here."),
    "folder": say("No folders in here."),
    "config": say("No folder and no config (.py) in here."),
    "checkpoint": say("No folder and no file with weights (.pth, .pt, .pt2, .ckpt) in here."),
}


@dataclass(frozen=True)
class Listing:
    """Content of a folder; hidden files are left out."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    """Those that can be chosen."""

    examples: int
    """How many files of it are pictures or arrays."""

    readable: bool = True


def list_folder(folder: Path, suffixes: tuple[str, ...] = ()) -> Listing:
    """List a folder; one that may not be read counts as empty.

    Args:
        folder: the folder.
        suffixes: how the names end of the files that can be chosen, in small letters.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name.casefold())
    except OSError:
        return Listing((), (), 0, readable=False)
    # A name that is no text cannot be shown, nor be given to the libraries that open models.
    seen = [entry for entry in entries if not entry.name.startswith((".", "$")) and is_text(entry.name)]
    folders = tuple(Path(entry.path) for entry in seen if _is_folder(entry))
    names = [Path(entry.path) for entry in seen if Path(entry.path) not in set(folders)]
    files = tuple(path for path in names if path.suffix.lower() in suffixes)
    examples = sum(path.suffix.lower() in IMAGE_SUFFIXES | ARRAY_SUFFIXES for path in names)
    return Listing(folders, files, examples)


def open_browser(kind: PathKind, result_key: str, start: Path) -> None:
    """Open the dialog; the choice goes into the session under ``result_key``.

    Args:
        kind: what is to be chosen.
        result_key: where the chosen path is put.
        start: the folder that is shown first.
    """
    st.session_state[_SHOWN_FOLDER] = _existing(start)
    st.dialog(t(_TITLES[kind]), width="medium", icon=":material/folder_open:")(_draw)(kind, result_key)


def _draw(kind: PathKind, result_key: str) -> None:
    folder: Path = st.session_state[_SHOWN_FOLDER]
    listing = list_folder(folder, SUFFIXES.get(kind, ()))
    _draw_roots(folder)
    search = st.text_input(
        t("Search in this folder"),
        key=f"browser-search-{folder}",
        icon=":material/search:",
        placeholder=t("Search in this folder"),
        label_visibility="collapsed",
        live=True,
    )
    with st.container(height=_HEIGHT, border=True, gap=None):
        _draw_entries(listing, kind, result_key, search or "")
    if kind not in SUFFIXES:
        _draw_choice(folder, listing, kind, result_key)


def _draw_roots(folder: Path) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            t("Up"),
            icon=":material/arrow_upward:",
            key="browser-up",
            disabled=folder.parent == folder,
            on_click=_go_to,
            args=(folder.parent,),
        )
        for index, place in enumerate(_roots()):
            name = t("Home") if place == Path.home() else str(place)
            st.button(plain(name), key=f"browser-place-{index}", type="tertiary", on_click=_go_to, args=(place,))
    st.caption(plain(folder))


def _draw_entries(listing: Listing, kind: PathKind, result_key: str, search: str) -> None:
    entries = (*listing.folders, *listing.files)
    found = [path for path in entries if search.casefold() in path.name.casefold()]
    if not found:
        st.caption(_nothing(listing, kind))
    for path in found[:_MOST_SHOWN]:
        if path in listing.files:
            label = f"{plain(path.name)} · {_size(path)}"
            if st.button(label, key=f"browser-file-{path}", icon=":material/deployed_code:", type="tertiary"):
                _choose(result_key, path)
        else:
            st.button(
                plain(path.name),
                key=f"browser-folder-{path}",
                icon=":material/folder:",
                type="tertiary",
                on_click=_go_to,
                args=(path,),
            )
    if len(found) > _MOST_SHOWN:
        st.caption(t(not_shown(len(found) - _MOST_SHOWN)))


def not_shown(count: int) -> Text:
    """The line below a list that was cut off.

    Args:
        count: how many entries were left out.
    """
    return plural(
        "{count} more is not shown. Search for the name.",
        "{count} more are not shown. Search for the name.",
        count=count,
    )


def _nothing(listing: Listing, kind: PathKind) -> str:
    if not listing.readable:
        return t("This folder cannot be opened.")
    return t(_EMPTY[kind])


def _draw_choice(folder: Path, listing: Listing, kind: PathKind, result_key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(t(_examples_here(listing.examples)) if kind == "examples" else "")
        if st.button(t("Use this folder"), key="browser-use", type="primary", icon=":material/check:"):
            _choose(result_key, folder)


def _examples_here(count: int) -> Text:
    return plural(
        "{count} example directly in this folder; subfolders count too.",
        "{count} examples directly in this folder; subfolders count too.",
        count=count,
    )


def _choose(result_key: str, path: Path) -> None:
    st.session_state[result_key] = path
    st.rerun()


def _go_to(folder: Path) -> None:
    st.session_state[_SHOWN_FOLDER] = folder


def _roots() -> Sequence[Path]:
    """Where to start: the person's own folder, and the drives or mounted disks."""
    roots = [f"{letter}:\\" for letter in ascii_uppercase] if sys.platform == "win32" else ["/", *_MOUNTS]
    return (Path.home(), *(Path(root) for root in roots if Path(root).is_dir()))


def _existing(folder: Path) -> Path:
    for candidate in (folder, *folder.parents):
        if candidate.is_dir():
            return candidate
    return Path.home()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _size(path: Path) -> str:
    try:
        return number_format.size(path.stat().st_size)
    except OSError:
        return number_format.NOTHING
