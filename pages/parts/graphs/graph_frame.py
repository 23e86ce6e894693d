"""The graph of one model of a job, as Netron draws it, with its layers marked by their precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError
from core.job.target_id import TargetId
from core.netron import Guide, Place
from core.report.graph_guide import graph_guide
from core.report.schema import Report
from core.report.wording import PRECISIONS
from core.targets import target_by_id
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import GRAPHS, theme

ORIGINAL = ""
"""Stands for the source where the key of a file is a target."""


@dataclass(frozen=True)
class ShownGraph:
    """A model whose graph can be shown."""

    name: str
    file: Path
    target: TargetId | None
    """None for the source."""


def graphs_of(report: Report) -> Mapping[str, ShownGraph]:
    """The source, then the files; by target, or :data:`ORIGINAL`."""
    graphs = {ORIGINAL: ShownGraph(t("Original"), report.source.path, None)}
    for outcome in report.converted:
        target = target_by_id(outcome.target)
        file = next((file for file in outcome.files if file.suffix == target.format.graph_suffix), None)
        if file is not None:
            graphs[outcome.target] = ShownGraph(t(target.title), file, outcome.target)
    return graphs


def show_graph(report: Report, graph: ShownGraph, place: Place, *, height: int) -> None:
    """Draw it; what keeps it from being shown takes its place.

    Args:
        report: of the job.
        graph: one of :func:`graphs_of`.
        place: what is selected.
        height: in pixels.
    """
    guide = graph_guide(report, graph.target)
    # An iframe reloads when something is inserted above it: whatever comes later stands below.
    frame = st.container()
    try:
        url = GRAPHS.url(graph.file, theme(), guide=Guide(guide, _words()), place=place)
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
