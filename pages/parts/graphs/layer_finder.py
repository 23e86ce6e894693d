"""Finding a layer by its name or its precision; choosing one selects it in the graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.common import number_format
from core.report.graph_guide import GuidedLayer
from core.report.schema import LayerEntry
from core.report.wording import PRECISIONS
from pages.parts.widgets.language import t

_MOST_CHARACTERS = 80


def find_layer(layers: Sequence[GuidedLayer], measured: Mapping[str, LayerEntry], *, key: str, chosen: str) -> str:
    """Draw the choice, and return the name of the chosen layer, or nothing.

    Args:
        layers: of the source, in its order.
        measured: name -> figures of the file beside it.
        key: of the widgets.
        chosen: the layer with which the page was opened.
    """
    names = [layer.name for layer in layers]
    numbers = {name: number for number, name in enumerate(names, start=1)}
    found: str | None = st.selectbox(
        t("Find a layer"),
        names,
        index=names.index(chosen) if chosen in numbers else None,
        format_func=lambda name: _label(numbers[name], name, measured.get(name)),
        placeholder=t("Find a layer by its name or its precision"),
        key=key,
        label_visibility="collapsed",
    )
    return found or ""


def _label(number: int, name: str, layer: LayerEntry | None) -> str:
    parts = [f"{number}", shortened(name)]
    if layer is not None:
        parts += [layer.operator, t(PRECISIONS[layer.precision]), number_format.decibels(layer.sqnr_db)]
    return " · ".join(parts)


def shortened(name: str) -> str:
    """A name of any length in a line; its end tells more than its middle."""
    half = _MOST_CHARACTERS // 2
    return name if len(name) <= _MOST_CHARACTERS else f"{name[: half - 1]}…{name[-half:]}"
