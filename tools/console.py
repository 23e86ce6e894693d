"""How the commands speak: a progress line, a table, errors in words."""

from __future__ import annotations

import locale
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

from core.errors import EdgePressError
from core.target import TARGET_IDS
from core.targets import target_by_id
from core.text import Language, Text, say

_MEGABYTE = 1e6


class State(Protocol):
    """What the progress line needs to know of a job's state."""

    fraction: float
    message: Text | None


def system_language() -> Language:
    """Chinese where the system speaks it, else English."""
    name = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


class ProgressLine:
    """One line that is written over on a terminal; in a log file, one line for each new step."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._last = ""

    def show(self, state: State) -> None:
        """Show where the job stands."""
        if state.message is None:
            return
        if sys.stderr.isatty():
            bar = "█" * round(20 * state.fraction)
            line = f"{bar:<20} {state.fraction:4.0%}  {state.message.in_language(self._language)}"
            width = shutil.get_terminal_size().columns - 1
            print("\r" + _fit(line, width), end="", file=sys.stderr, flush=True)
        elif state.message.template != self._last:
            self._last = state.message.template
            print(f"{state.fraction:4.0%}  {state.message.in_language(self._language)}", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            print(file=sys.stderr)


def print_error(error: EdgePressError, language: Language) -> None:
    """What went wrong and what to do, with the technical detail indented below."""
    print(error.reason.in_language(language), file=sys.stderr)
    print(f"→ {error.next_step.in_language(language)}", file=sys.stderr)
    for line in error.detail.splitlines()[-20:]:
        print(f"    {line}", file=sys.stderr)


def print_table(report: dict[str, Any], language: Language) -> None:
    """One row for the source and one for each target."""
    headings = (
        say("File"),
        say("Size"),
        say("Similarity"),
        say("SQNR"),
        say("Same answer"),
        say("Top-1"),
        say("Time, 1 thread"),
    )
    source = report["source"]
    rows = [[heading.in_language(language) for heading in headings]]
    rows.append([say("Original").in_language(language), *_figures(source, source, None)])
    for outcome in report["outcomes"]:
        title = target_by_id(outcome["target"]).title.in_language(language)
        if outcome["status"] == "converted":
            rows.append([title, *_figures(source, outcome, outcome["comparison"])])
        else:
            word = say("not possible") if outcome["status"] == "refused" else say("failed")
            rows.append([title, word.in_language(language)])
    _print_rows(rows)


def print_notes(report: dict[str, Any], language: Language) -> None:
    """Where the files are, what was noted, and why targets were not made."""
    for note in report["words"]["notes"]:
        print(Text.from_json(note).in_language(language))
    for target in TARGET_IDS:
        for outcome in report["outcomes"]:
            if outcome["target"] == target:
                _print_outcome(outcome, language)


def _print_outcome(outcome: dict[str, Any], language: Language) -> None:
    words = outcome["words"]
    print(f"\n{target_by_id(outcome['target']).title.in_language(language)}")
    for file in outcome["files"]:
        print(f"  {file}")
    for note in (*words["notes"], words["reason"]):
        if note:
            print(f"  {Text.from_json(note).in_language(language)}")
    if words["next_step"]:
        print(f"  → {Text.from_json(words['next_step']).in_language(language)}")


def _figures(source: dict[str, Any], entry: dict[str, Any], comparison: dict[str, Any] | None) -> list[str]:
    figures = comparison or entry
    time = figures["latency_ms"]["median_one_thread"]
    return [
        f"{entry['size_bytes'] / _MEGABYTE:.2f} MB ({entry['size_bytes'] / source['size_bytes']:.0%})",
        f"{comparison['cosine']:.5f}" if comparison else "",
        _number(comparison and comparison["sqnr_db"], "{:.1f} dB"),
        _number(comparison and comparison["agreement"], "{:.1%}"),
        _number(figures["top1"], "{:.1%}"),
        f"{time:.2f} ms ({time / source['latency_ms']['median_one_thread']:.2f}x)",
    ]


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(_width(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)).rstrip())  # noqa: B905


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _fit(text: str, width: int) -> str:
    while _width(text) > width:
        text = text[:-1]
    return text + " " * (width - _width(text))
