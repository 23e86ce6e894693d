"""Pictures in a grid, each with the predictions of all files on a line: classes, texts, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.common.paths import is_file
from core.job.target_id import TargetId
from core.report.gallery_entries import Answer, GalleryEntry
from core.targets import target_by_id
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

COLUMNS = 4


def show_row(folder: Path, entries: Sequence[GalleryEntry], targets: Sequence[TargetId]) -> None:
    """Draw a row of at most :data:`COLUMNS` pictures."""
    for column, entry in zip(st.columns(COLUMNS), entries, strict=False):
        with column, st.container(border=True, height="stretch", gap="small"):
            _show_entry(folder, entry, targets)


def _show_entry(folder: Path, entry: GalleryEntry, targets: Sequence[TargetId]) -> None:
    picture = entry.picture_in(folder)
    if is_file(picture):
        st.image(str(picture), width="stretch", alt=entry.truth or "")
    if entry.truth is not None:
        st.markdown(t("Right answer: {label}", label=f"**{plain(entry.truth)}**"))
    lines = [_original_line(entry.source)]
    for target in targets:
        if target in entry.answers:
            lines.append(_line(t(target_by_id(target).title), entry.answers[target], entry.source))
    st.markdown("  \n".join(line for line in lines if line))


def _original_line(prediction: Mapping[str, Any]) -> str:
    words = _words(prediction)
    return f":small[{t('Original')}: {words}]" if words else ""


def _line(name: str, answer: Answer, source: Mapping[str, Any]) -> str:
    """One prediction; colours and icons say the same, for readers who cannot distinguish the colours."""
    words = _percent(answer.prediction) if _is_same(answer.prediction, source) else _words(answer.prediction)
    if not words and answer.cosine is not None:
        words = t("similarity {similarity}", similarity=plain(number_format.similarity(answer.cosine)))
    if not words:
        return ""
    mark = ":orange[:material/change_circle:]" if answer.changed else ":green[:material/check:]"
    return f":small[{mark} {name}: {f'**{words}**' if answer.changed else words}]"


def _is_same(prediction: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    """Whether class or text is the original's, which stands above: then the score is enough."""
    key = {"classes": "label", "text": "text"}.get(str(prediction.get("kind")))
    if key is None or "present" in prediction:
        return False
    return bool(prediction.get(key) == source.get(key))


def _words(prediction: Mapping[str, Any]) -> str:
    """A prediction on a line, in markdown."""
    match prediction.get("kind"):
        case "classes":
            present = prediction.get("present")
            if isinstance(present, list):
                return plain(", ".join(map(str, present))) or t("none")
            return f"{plain(prediction.get('label'))} · {_percent(prediction)}"
        case "text":
            text = plain(prediction.get("text") or "")
            return f"{text or t('no text')} · {_percent(prediction)}"
        case "scores":
            scores = prediction.get("scores")
            numbers = scores if isinstance(scores, list) else []
            return plain(", ".join(f"{score:.2f}" for score in numbers if isinstance(score, (int, float))))
        case _:
            return ""


def _percent(prediction: Mapping[str, Any]) -> str:
    score = prediction.get("score")
    return number_format.percent(float(score) if isinstance(score, (int, float)) else None)
