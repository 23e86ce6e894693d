"""The test pictures with the predictions of all files, those that changed most first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.job.target_id import TargetId
from core.report.gallery_entries import GalleryEntry
from core.report.schema import Report
from pages.parts.results.gallery_grid import COLUMNS, show_row
from pages.parts.results.gallery_pair import choose_pairing, is_changed, show_pair
from pages.parts.widgets.error_message import fragment
from pages.parts.widgets.language import t

_DRAWN = frozenset({"objects", "points", "map", "image"})
"""Kinds of predictions that are drawn over their pictures, each beside the original's; others fit on a line."""

_GRID_PAGE, _PAIR_PAGE = 12, 6
"""Pictures that are shown at first."""


def show_gallery(folder: Path, entries: Sequence[GalleryEntry], report: Report) -> None:
    """Draw the gallery; only what is seen is drawn.

    Args:
        folder: where the pictures are.
        entries: what is known of each.
        report: whose files are shown.
    """
    fragment(_draw)(folder, entries, report)


def _draw(folder: Path, entries: Sequence[GalleryEntry], report: Report) -> None:
    if any(entry.source.get("kind") in _DRAWN for entry in entries):
        _draw_pairs(folder, entries, report)
    else:
        _draw_grid(folder, entries, report)


def _draw_pairs(folder: Path, entries: Sequence[GalleryEntry], report: Report) -> None:
    pairing = choose_pairing(entries, report, key=folder.parent.name)
    changed = [entry for entry in entries if is_changed(entry, pairing)]
    wanted, key = _choose(entries, changed, f"{folder.parent.name}-{pairing.target}")
    for entry in wanted[: _count(key, _PAIR_PAGE)]:
        show_pair(folder, entry, pairing)
    _offer_more(key, len(wanted), _PAIR_PAGE)


def _draw_grid(folder: Path, entries: Sequence[GalleryEntry], report: Report) -> None:
    targets = tuple(result.target for result in report.converted)
    changed = [entry for entry in entries if _changes(entry, targets)]
    wanted, key = _choose(entries, changed, folder.parent.name)
    shown = wanted[: _count(key, _GRID_PAGE)]
    # Lines of text must not be cut off at their ends.
    is_text = any(entry.source.get("kind") == "text" for entry in entries)
    with st.container(key="gallery-lines" if is_text else "gallery"):
        for start in range(0, len(shown), COLUMNS):
            show_row(folder, shown[start : start + COLUMNS], targets)
    _offer_more(key, len(wanted), _GRID_PAGE)


def _changes(entry: GalleryEntry, targets: Sequence[TargetId]) -> bool:
    return any(entry.answers[target].changed for target in targets if target in entry.answers)


def _choose(
    entries: Sequence[GalleryEntry], changed: Sequence[GalleryEntry], key: str
) -> tuple[Sequence[GalleryEntry], str]:
    """The pictures that the reader wants to see, those that changed or all, and the key of how many are shown."""
    choice = st.segmented_control(
        t("Pictures"),
        ["changed", "all"],
        default="changed" if changed else "all",
        required=True,
        format_func=lambda name: (
            t("Different answers ({count})", count=len(changed))
            if name == "changed"
            else t("All pictures ({count})", count=len(entries))
        ),
        key=f"gallery-filter-{key}",
        label_visibility="collapsed",
    )
    wanted = changed if choice == "changed" else entries
    if not wanted:
        st.caption(t("Here the answers to all pictures are the original's."))
    return wanted, f"gallery-shown-{key}-{choice}"


def _count(key: str, page: int) -> int:
    """How many pictures are shown."""
    count: int = st.session_state.get(key, page)
    return count


def _offer_more(key: str, all_of_them: int, page: int) -> None:
    count = _count(key, page)
    if count < all_of_them and st.button(t("Show more"), key="gallery-more", icon=":material/expand_more:"):
        st.session_state[key] = count + page
        st.rerun()
