"""What ``export_quantize.py`` shows: a progress line, then a table and what to know about each file."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

from core.console import Console
from core.estimate import memory_words, time_words
from core.outcome import Verdict
from core.targets import target_by_id
from core.text import Text, say

_MEGABYTE = 1e6


class State(Protocol):
    """What the progress line needs to know of a job's state."""

    fraction: float
    message: Text | None


class ProgressLine:
    """One line that is written over on a terminal; in a log file, one line for each new step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def show(self, state: State) -> None:
        """Show where the job stands."""
        if state.message is None:
            return
        if sys.stderr.isatty():
            bar = "#" * round(20 * state.fraction)
            line = f"{bar:<20} {state.fraction:4.0%}  {state.message.in_language(self._console.language)}"
            width = shutil.get_terminal_size().columns - 1
            print("\r" + _fit(line, width), end="", file=sys.stderr, flush=True)
        elif state.message.template != self._last:
            self._last = state.message.template
            self._console.write(f"{state.fraction:4.0%}  {state.message.in_language(self._console.language)}")

    def finish(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            print(file=sys.stderr)


def print_preflight(verdicts: Sequence[Verdict], console: Console) -> None:
    """One line for each target, before anything runs; below it what to know."""
    for verdict in verdicts:
        console.tell(_headline(verdict))
        for text in (*verdict.notes, verdict.reason, verdict.next_step):
            if text:
                console.tell(text, indent=2)


def _headline(verdict: Verdict) -> Text:
    title = target_by_id(verdict.target).title
    if verdict.size_bytes is None:
        return say("{target}: not possible", target=title)
    size = f"{verdict.size_bytes / _MEGABYTE:.2f}"
    if verdict.seconds is None or verdict.memory_bytes is None:
        return say("{target}: will be made, about {size} MB", target=title, size=size)
    return say(
        "{target}: will be made, about {size} MB; takes {time} and {memory} of memory",
        target=title,
        size=size,
        time=time_words(verdict.seconds),
        memory=memory_words(verdict.memory_bytes),
    )


def print_table(report: dict[str, Any], console: Console) -> None:
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
    rows = [[heading.in_language(console.language) for heading in headings]]
    rows.append([say("Original").in_language(console.language), *_figures(source, source, None)])
    for outcome in report["outcomes"]:
        title = target_by_id(outcome["target"]).title.in_language(console.language)
        if outcome["status"] == "converted":
            rows.append([title, *_figures(source, outcome, outcome["comparison"])])
        else:
            word = say("not possible") if outcome["status"] == "refused" else say("failed")
            rows.append([title, word.in_language(console.language)])
    _print_rows(rows, console)


def print_notes(report: dict[str, Any], console: Console) -> None:
    """Where the files are, what was noted, and why targets were not made."""
    for note in report["words"]["notes"]:
        console.tell(Text.from_json(note))
    for outcome in report["outcomes"]:
        _print_outcome(outcome, console)


def _print_outcome(outcome: dict[str, Any], console: Console) -> None:
    words = outcome["words"]
    console.write("")
    console.tell(target_by_id(outcome["target"]).title)
    for file in outcome["files"]:
        console.write(f"  {file}")
    for text in (*words["notes"], words["reason"], words["next_step"]):
        if text:
            console.tell(Text.from_json(text), indent=2)


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


def _print_rows(rows: Sequence[Sequence[str]], console: Console) -> None:
    widths = [max(_width(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))]
    for row in rows:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False))
        console.write("  ".join(padded).rstrip())


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _fit(text: str, width: int) -> str:
    while _width(text) > width:
        text = text[:-1]
    return text + " " * (width - _width(text))
