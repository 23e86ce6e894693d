"""All results at a glance, the original on top."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.text import Text, say
from pages.parts import figures, result_words
from pages.parts.language import t
from pages.parts.report_view import ReportView, Result

_STATUS: dict[str, Text] = {
    "converted": say("ready"),
    "refused": say("not possible"),
    "failed": say("failed"),
}


def show_table(report: ReportView) -> None:
    """Draw one row for the original and one for each target."""
    rows = [_original_row(report), *(_row(result, report) for result in report.results)]
    help_texts = {
        "share": result_words.SHARE_HELP,
        "similarity": result_words.SIMILARITY_HELP,
        "agreement": result_words.AGREEMENT_HELP,
        "right": result_words.RIGHT_HELP,
        "speed": result_words.SPEED_HELP,
    }
    headings = {
        "name": t("File"),
        "status": t("State"),
        "size": t("Size"),
        "share": t("Compared with the original"),
        "similarity": t("Similarity"),
        "agreement": t("Same answers"),
        "right": t("Right answers"),
        "speed": t("Speed"),
    }
    config: dict[str, Any] = {
        key: st.column_config.TextColumn(heading, help=t(help_texts[key]) if key in help_texts else None)
        for key, heading in headings.items()
    }
    largest = max((row["share"] for row in rows if row["share"] is not None), default=100.0)
    config["share"] = st.column_config.ProgressColumn(
        headings["share"],
        help=t(result_words.SHARE_HELP),
        format="%.0f%%",
        min_value=0.0,
        max_value=max(100.0, largest),
    )
    table = pd.DataFrame(rows)
    empty = [key for key in ("agreement", "right") if set(table[key]) <= {figures.NOTHING}]
    shown = [key for key in headings if key not in empty]
    st.dataframe(table, hide_index=True, column_config=config, column_order=shown, height="content")


def _original_row(report: ReportView) -> dict[str, Any]:
    original = report.original
    return {
        "name": t("Original"),
        "status": "",
        "size": figures.size(original.size_bytes),
        "share": 100.0,
        "similarity": "1",
        "agreement": figures.NOTHING,
        "right": figures.percent(original.top1),
        "speed": figures.times(1.0),
    }


def _row(result: Result, report: ReportView) -> dict[str, Any]:
    share = result.share(report.original)
    return {
        "name": t(result.title),
        "status": t(_STATUS[result.status]),
        "size": figures.size(result.size_bytes),
        "share": None if share is None else 100 * share,
        "similarity": figures.similarity(result.cosine),
        "agreement": figures.percent(result.agreement),
        "right": figures.percent(result.top1),
        "speed": figures.times(result.speed_up(report.original)),
    }
