"""All results at a glance, the original on top."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.common.text import Text, say
from core.report.schema import OutcomeEntry, Report
from core.targets import target_by_id
from pages.parts.results import explanations
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t

_STATUS: dict[str, Text] = {
    "converted": say("ready"),
    "refused": say("not possible"),
    "failed": say("failed"),
}


def show_table(report: Report) -> None:
    """Draw one row for the original and one for each target."""
    rows = [_original_row(report), *(_row(result, report) for result in report.outcomes)]
    help_texts = {
        "share": explanations.SHARE_HELP,
        "similarity": explanations.SIMILARITY_HELP,
        "agreement": explanations.AGREEMENT_HELP,
        "right": explanations.RIGHT_HELP,
        "speed": explanations.SPEED_HELP,
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
        help=t(explanations.SHARE_HELP),
        format="%.0f%%",
        min_value=0.0,
        max_value=max(100.0, largest),
    )
    table = pd.DataFrame(rows)
    empty = [key for key in ("agreement", "right") if set(table[key]) <= {number_format.NOTHING}]
    shown = [key for key in headings if key not in empty]
    st.dataframe(table, hide_index=True, column_config=config, column_order=shown, height="content")


def _original_row(report: Report) -> dict[str, Any]:
    source = report.source
    return {
        "name": t("Original"),
        "status": "",
        "size": number_format.size(source.size_bytes),
        "share": 100.0,
        "similarity": "1",
        "agreement": number_format.NOTHING,
        "right": number_format.percent(source.top1),
        "speed": number_format.times(1.0),
    }


def _row(result: OutcomeEntry, report: Report) -> dict[str, Any]:
    share, comparison = result.size_share(report.source), result.comparison
    return {
        "name": t(target_by_id(result.target).title),
        "status": t(_STATUS[result.status]),
        "size": number_format.size(result.size_bytes),
        "share": None if share is None else 100 * share,
        "similarity": number_format.similarity(None if comparison is None else comparison.cosine),
        "agreement": number_format.percent(None if comparison is None else comparison.agreement),
        "right": number_format.percent(None if comparison is None else comparison.top1),
        "speed": number_format.times(result.speed_up(report.source)),
    }
