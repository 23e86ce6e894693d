"""The graph of one model of a job, as Netron draws it, with its layers marked by their precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.netron import Guide, Place
from core.report.finished_files import FinishedFile, finished_files
from core.report.graph_guide import graph_guide
from core.report.schema import Report
from core.report.wording import PRECISIONS
from core.targets import target_by_id
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import GRAPHS, theme

ORIGINAL = ""
"""Stands for the source where a file has an id."""


@dataclass(frozen=True)
class ShownGraph:
    """A model whose graph can be shown."""

    name: str
    path: Path
    file: FinishedFile | None
    """None for the source."""


def file_name(file: FinishedFile) -> str:
    """How the pages call a file; those that may take the place of a published one are told apart by their sizes."""
    title = t(target_by_id(file.target).title)
    return title if file.is_published else f"{title} ({number_format.size(file.size_bytes)})"


def graphs_of(report: Report) -> Mapping[str, ShownGraph]:
    """The source, then the files; by the id of the file, or :data:`ORIGINAL`."""
    found = {ORIGINAL: ShownGraph(t("Original"), report.source.path, None)}
    for file in finished_files(report):
        if file.graph is not None:
            found[file.id] = ShownGraph(file_name(file), file.graph, file)
    return found


def show_graph(report: Report, graph: ShownGraph, place: Place, *, height: int) -> None:
    """Draw it; what keeps it from being shown takes its place.

    Args:
        report: of the job.
        graph: one of :func:`graphs_of`.
        place: what is selected.
        height: in pixels.
    """
    guide = graph_guide(report, graph.file)
    # An iframe reloads when something is inserted above it: whatever comes later stands below.
    frame = st.container()
    try:
        url = GRAPHS.url(graph.path, theme(), guide=Guide(guide, _words()), place=place)
    except EdgePressError as exc:
        with frame:
            show_error(exc)
        return
    frame.iframe(url, height=height, alt=t("Graph of {name}", name=graph.name))
    if not guide.knows_blobs:
        st.caption(
            t(
                "Which ncnn layer belongs to which layer of the original is not known here, since the conversion was "
                "made by an earlier EdgePress, or their numbers could not be matched. Layers are found only where both "
                "have the same name. Converting the model again may help."
            )
        )


def _words() -> dict[str, str]:
    precisions: dict[str, str] = {precision: t(text) for precision, text in PRECISIONS.items()}
    unmatched = t(
        "Nothing here stands for what was selected in the other graph: it is computed together with another layer, was "
        "not needed any more, or exists only there."
    )
    return {**precisions, "unmatched": unmatched, "next": t("Go to the next layer of this precision")}
