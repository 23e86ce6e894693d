"""All results at a glance, the original on top."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.common import number_format
from core.common.percent import percent
from core.common.text import say
from core.job.comparison import AgreementName, TruthFigure
from core.report import explanations
from core.report.schema import OutcomeEntry, Report
from core.report.wording import (
    AGREEMENT_HELP,
    AGREEMENT_TITLES,
    ARM_HELP,
    ARM_STATES,
    ARM_TITLE,
    ARM_WORDS,
    SIMILARITY_HELP,
    SIMILARITY_TITLE,
    STATE_LETTERS,
    TRUTH_HELP,
    TRUTH_TITLES,
    agreement_metric,
    is_tried_on_arm,
    short_difference,
    truth_of,
    with_interval,
)
from core.targets import target_by_id
from pages.parts.results.light import sign
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import theme

_DIFFERENCE = say("Difference, in points")

_TEXT_COLORS = {
    "light": {"green": "#146C43", "orange": "#8A5300", "red": "#B3261E", "gray": "#5F6B70"},
    "dark": {"green": "#6FD3A3", "orange": "#F0B35C", "red": "#FF9A90", "gray": "#A9B4B8"},
}
"""Of the states, with a contrast of 4.5 or more on the table."""


def show_table(report: Report) -> None:
    """Draw one row for the original and one for each target; how far it keeps the answers comes first."""
    metric = agreement_metric(report)
    rows = [_original_row(report), *(_row(result, report, metric) for result in report.outcomes)]
    headings = {
        "name": (t("File"), None),
        "status": (t("State"), None),
        "kept": (
            t(SIMILARITY_TITLE if metric is None else AGREEMENT_TITLES[metric]),
            t(SIMILARITY_HELP if metric is None else AGREEMENT_HELP[metric]),
        ),
        **_truth_headings(report),
        **({"arm": (t(ARM_TITLE), t(ARM_HELP))} if is_tried_on_arm(report) else {}),
        "size": (t("Size"), t(explanations.SHARE_HELP)),
        "speed": (t("Speed"), t(explanations.SPEED_HELP)),
    }
    config: dict[str, Any] = {
        key: st.column_config.TextColumn(heading, help=help_text) for key, (heading, help_text) in headings.items()
    }
    colors = ["", *(f"color: {_TEXT_COLORS[theme()][sign(result).color]}" for result in report.outcomes)]
    table = pd.DataFrame(rows).style.apply(lambda _: colors, subset=["status"])
    st.dataframe(table, hide_index=True, column_config=config, column_order=list(headings), height="content")


def _truth_headings(report: Report) -> dict[str, tuple[str, str]]:
    """The most important figure against the labels and its difference; the others are on the cards."""
    return {
        key: (t(heading), t(TRUTH_HELP))
        for figure in report.source.truth[:1]
        for key, heading in (("right", TRUTH_TITLES[figure.metric]), ("difference", _DIFFERENCE))
    }


def _original_row(report: Report) -> dict[str, Any]:
    source = report.source
    return {
        "name": t("Original"),
        "status": "",
        "kept": number_format.NOTHING,
        "right": percent(source.truth[0].value) if source.truth else number_format.NOTHING,
        "difference": "",
        "arm": "",
        "size": number_format.size(source.size_bytes),
        "speed": number_format.times(1.0),
    }


def _row(result: OutcomeEntry, report: Report, metric: AgreementName | None) -> dict[str, Any]:
    shown = sign(result)
    return {
        "name": t(target_by_id(result.target).title),
        "status": f"{shown.letter} {t(shown.word)}",
        "kept": _kept(result, metric),
        **_right(result, report.source.truth),
        "arm": _arm(result),
        "size": number_format.size_and_part(result.size_bytes, result.size_share(report.source)),
        "speed": number_format.times(result.speed_up(report.source)),
    }


def _arm(result: OutcomeEntry) -> str:
    status = None if result.arm is None else result.arm.status
    return number_format.NOTHING if status is None else f"{STATE_LETTERS[ARM_STATES[status]]} {t(ARM_WORDS[status])}"


def _kept(result: OutcomeEntry, metric: AgreementName | None) -> str:
    if result.comparison is None:
        return number_format.NOTHING
    if metric is None:
        return number_format.similarity(result.comparison.cosine)
    agreement = result.comparison.agreement
    return number_format.NOTHING if agreement is None else t(with_interval(agreement))


def _right(result: OutcomeEntry, source: tuple[TruthFigure, ...]) -> dict[str, str]:
    own = result.comparison.truth if result.comparison is not None else ()
    figure = truth_of(own, source[0].metric) if source else None
    if figure is None:
        return {"right": number_format.NOTHING, "difference": ""}
    return {"right": percent(figure.value), "difference": t(short_difference(figure))}
