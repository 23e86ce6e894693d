"""The test pictures with the predictions of all files, those that changed most first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.job.target_id import TargetId
from core.targets import target_by_id
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_PAGE = 12
_COLUMNS = 4
_SHOWN = "gallery-shown"


def show_gallery(folder: Path, entries: list[dict[str, Any]], targets: tuple[TargetId, ...]) -> None:
    """Draw the gallery.

    Args:
        folder: where the thumbnails are.
        entries: of ``gallery.json``.
        targets: whose predictions are shown.
    """
    changed = [entry for entry in entries if _changed(entry, targets)]
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
        key=f"gallery-filter-{folder.parent.name}",
        label_visibility="collapsed",
    )
    shown = changed if choice == "changed" else entries
    if not shown:
        st.caption(t("Every file gave the original's answer to every picture."))
        return
    key = f"{_SHOWN}-{folder.parent.name}-{choice}"
    count = st.session_state.get(key, _PAGE)
    with st.container(key="gallery"):
        for start in range(0, min(count, len(shown)), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for column, entry in zip(columns, shown[start : min(start + _COLUMNS, count)], strict=False):
                with column:
                    _show_entry(folder, entry, targets)
    if count < len(shown) and st.button(t("Show more"), key="gallery-more", icon=":material/expand_more:"):
        st.session_state[key] = count + _PAGE
        st.rerun()


def _changed(entry: Mapping[str, Any], targets: tuple[TargetId, ...]) -> int:
    answers = entry.get("answers", {})
    return sum(bool(answers.get(target, {}).get("changed")) for target in targets)


def _show_entry(folder: Path, entry: Mapping[str, Any], targets: tuple[TargetId, ...]) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        # Only the name counts: the list may have been made by hand and point elsewhere.
        thumbnail = folder / Path(str(entry.get("thumbnail") or "")).name
        if thumbnail.is_file():
            st.image(str(thumbnail), width="stretch", alt=str(entry.get("truth") or ""))
        if entry.get("truth") is not None:
            st.markdown(t("Right answer: {label}", label=f"**{plain(entry['truth'])}**"))
        lines = [_line(t("Original"), entry.get("source", {}), changed=None)]
        answers = entry.get("answers", {})
        for target in targets:
            if target in answers:
                answer = answers[target]
                lines.append(_line(t(target_by_id(target).title), answer, changed=bool(answer.get("changed"))))
        st.markdown("  \n".join(line for line in lines if line))


def _line(name: str, answer: Mapping[str, Any], *, changed: bool | None) -> str:
    """One prediction; colours and icons say the same, for readers who cannot distinguish the colours."""
    if "label" in answer:
        text = f"{plain(answer['label'])} · {number_format.percent(_share(answer))}"
    elif "cosine" in answer:
        text = t("similarity {similarity}", similarity=plain(number_format.similarity(float(answer["cosine"]))))
    else:
        return ""
    if changed is None:
        return f":small[{name}: {text}]"
    mark = ":orange[:material/change_circle:]" if changed else ":green[:material/check:]"
    return f":small[{mark} {name}: {f'**{text}**' if changed else text}]"


def _share(answer: Mapping[str, Any]) -> float | None:
    score = answer.get("score")
    return float(score) if isinstance(score, (int, float)) else None
