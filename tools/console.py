"""What the commands print: a progress bar, a table of results, and notes about each file."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import JustifyMethod
from rich.measure import measure_renderables
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from core.common.console import Console
from core.common.memory import memory_text
from core.common.percent import percent
from core.common.text import Language, Text, say
from core.job.comparison import AgreementName, Latency, TruthFigure
from core.job.preflight_result import PreflightResult
from core.job.target_id import file_id
from core.preflight.estimate import duration_text
from core.report.schema import ComparisonEntry, OutcomeEntry, Report, SourceEntry
from core.report.wording import (
    AGREEMENT_TITLES,
    ARM_TITLE,
    SIMILARITY_TITLE,
    TRUTH_TITLES,
    agreement_metric,
    arm_word,
    is_tried_on_arm,
    light_word,
    points,
    truth_of,
    with_interval,
)
from core.targets import target_by_id

_MEGABYTE = 1e6
_ANY_WIDTH = 10_000  # a file or pipe has no right edge
_BAR_WIDTH = 20
_TAKE = "python tools/export_quantize.py --take {} FILE"


class ToolConsole(Console):
    """A console with progress bars and tables; plain text where it is not a terminal."""

    def __init__(self, stream: TextIO | None = None, language: Language | None = None) -> None:
        stream = stream or sys.stdout
        super().__init__(stream, language)
        self.rich = _rich_console(stream)


def _rich_console(stream: TextIO) -> RichConsole:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # as Console.write does: a question mark rather than a crash
    is_terminal = stream.isatty()
    return RichConsole(
        file=stream,
        force_terminal=is_terminal,  # else FORCE_COLOR puts escape codes into log files
        force_jupyter=False,
        width=None if is_terminal else _ANY_WIDTH,
        markup=False,  # text is shown as it is: "model[red].onnx" is a name
        emoji=False,
        highlight=False,
    )


class JobProgress:
    """The progress of a job: a live bar on a terminal; elsewhere one line for each new kind of step."""

    def __init__(self, console: ToolConsole) -> None:
        self._console = console
        self._bar = _bar(console.rich) if console.rich.is_interactive else None
        self._last_template = ""

    def __enter__(self) -> JobProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, fraction: float, message: Text) -> None:
        """Show the fraction done (0 to 1) and the current step; serves as a ``core.common.progress.Progress``."""
        sentence = message.in_language(self._console.language)
        if self._bar is not None:
            _move(self._bar, fraction, sentence)
        elif message.template != self._last_template:
            self._last_template = message.template
            self._console.write(f"{fraction:4.0%}  {sentence}")


def _bar(console: RichConsole) -> Progress:
    """The message takes the width that the other columns leave, and is cut off at the edge of the window."""
    return Progress(
        BarColumn(_BAR_WIDTH, table_column=Column(no_wrap=True)),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        console=console,
        expand=True,
        redirect_stdout=False,  # the results may go to a file while the bar is on the terminal
    )


def _move(bar: Progress, fraction: float, sentence: str) -> None:
    """The bar appears with the first message: work that is refused at once shows none."""
    if not bar.tasks:
        bar.add_task(sentence, total=1.0)
        bar.start()
    bar.update(bar.tasks[0].id, completed=fraction, description=sentence)


def print_preflight(results: Sequence[PreflightResult], console: Console) -> None:
    """One line for each target, before anything runs; its notes below."""
    for result in results:
        console.print(_headline(result))
        for text in (*result.notes, result.reason, result.next_step):
            if text:
                console.print(text, indent=2)


def _headline(result: PreflightResult) -> Text:
    title = target_by_id(result.target).title
    if result.size_bytes is None or result.seconds is None or result.memory_bytes is None:
        return say("{target}: not possible", target=title)
    return say(
        "{target}: will be made, about {size} MB; takes {time} and {memory} of memory",
        target=title,
        size=f"{result.size_bytes / _MEGABYTE:.2f}",
        time=duration_text(result.seconds),
        memory=memory_text(result.memory_bytes),
    )


def print_results_table(report: Report, console: ToolConsole) -> None:
    """One row for the source and one for each target."""
    metric = agreement_metric(report)
    truths = report.source.truth[:1]
    headings = (
        say("File"),
        say("Size"),
        say("Verdict"),
        SIMILARITY_TITLE if metric is None else AGREEMENT_TITLES[metric],
        *(TRUTH_TITLES[figure.metric] for figure in truths),
        say("Time, 1 thread"),
        *([ARM_TITLE] if is_tried_on_arm(report) else []),
    )
    source = _source_row(report.source, truths)
    outcomes = (_row(outcome, report, metric) for outcome in report.outcomes)
    _print_rows([_translated(cells, console.language) for cells in (headings, source, *outcomes)], console.rich)


def print_variants(job_id: str, report: Report, console: ToolConsole) -> None:
    """The files that may take the place of those that are in use, and how; nothing where there are none."""
    metric = agreement_metric(report)
    rows = [
        (
            file_id(outcome.target, variant.number),
            _size(variant.size_bytes, report.source.share(variant.size_bytes)),
            light_word(variant.comparison),
            _kept(variant.comparison, metric),
            _relative_time(variant.comparison, report.source),
        )
        for outcome in report.outcomes
        for variant in outcome.variants
        if variant.number != outcome.variant
    ]
    if rows:
        console.write("")
        console.print(
            say("More files to choose from; to put one in its place: {command}", command=_TAKE.format(job_id))
        )
        kept = SIMILARITY_TITLE if metric is None else AGREEMENT_TITLES[metric]
        headings = (say("File"), say("Size"), say("Verdict"), kept, say("Time, 1 thread"))
        table: list[Sequence[Text | str]] = [headings, *rows]
        _print_rows([_translated(cells, console.language) for cells in table], console.rich)


def print_job(job_id: str, console: Console) -> None:
    """The name of the job, by which its report can be written later."""
    console.write("")
    console.print(say("This was the job {job}.", job=job_id))


def _source_row(source: SourceEntry, truths: Sequence[TruthFigure]) -> Sequence[Text | str]:
    shares = (percent(figure.value) for figure in truths)
    return say("Original"), _size(source.size_bytes, 1.0), "", "", *shares, _time(source.latency_ms, 1.0)


def _row(outcome: OutcomeEntry, report: Report, metric: AgreementName | None) -> Sequence[Text | str]:
    title, comparison, source = target_by_id(outcome.target).title, outcome.comparison, report.source
    if comparison is None:
        return title, "", say("not possible") if outcome.status == "refused" else say("failed")
    return (
        title,
        _size(outcome.size_bytes, outcome.size_share(source)),
        light_word(comparison),
        _kept(comparison, metric),
        *(_right(truth_of(comparison.truth, figure.metric)) for figure in source.truth[:1]),
        _relative_time(comparison, source),
        *([word] if (word := arm_word(outcome)) is not None else []),
    )


def _kept(comparison: ComparisonEntry, metric: AgreementName | None) -> Text | str:
    """The agreement with its interval; for a job without one the similarity of outputs."""
    if metric is None:
        return f"{comparison.cosine:.5f}"
    return "" if comparison.agreement is None else with_interval(comparison.agreement)


def _right(figure: TruthFigure | None) -> str:
    """A figure against the labels, and by how much it differs from the source's."""
    if figure is None:
        return ""
    return percent(figure.value) + ("" if figure.difference is None else f" ({points(figure.difference)})")


def _size(size: int | None, share: float | None) -> str:
    return "" if size is None or share is None else f"{size / _MEGABYTE:.2f} MB ({share:.0%})"


def _relative_time(comparison: ComparisonEntry, source: SourceEntry) -> str:
    speed_up = comparison.speed_up(source)
    return _time(comparison.latency_ms, None if speed_up is None else 1 / speed_up)


def _time(latency: Latency | None, ratio: float | None) -> str:
    return "" if latency is None or ratio is None else f"{latency.median_one_thread:.2f} ms ({ratio:.2f}x)"


def _translated(cells: Sequence[Text | str], language: Language) -> list[str]:
    return [cell.in_language(language) if isinstance(cell, Text) else cell for cell in cells]


def _print_rows(rows: Sequence[Sequence[str]], console: RichConsole) -> None:
    """In a narrow window cells wrap to a second line, but no word and no number is cut."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column, heading in enumerate(rows[0]):
        cells = [row[column] for row in rows if column < len(row)]
        longest_word = measure_renderables(console, console.options, cells).minimum
        justify: JustifyMethod = "left" if column < 2 else "right"
        table.add_column(heading, min_width=longest_word, overflow="fold", justify=justify)
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table, crop=False)


def print_notes(report: Report, console: Console) -> None:
    """Where the files are, notes, and why targets were not made."""
    for note in report.words.notes:
        console.print(note)
    for outcome in report.outcomes:
        _print_outcome(outcome, console)


def _print_outcome(outcome: OutcomeEntry, console: Console) -> None:
    words = outcome.words
    console.write("")
    console.print(target_by_id(outcome.target).title)
    for file in outcome.files:
        console.write(f"  {file}")
    on_arm = None if outcome.arm is None else say("On ARM: {verdict}", verdict=outcome.arm.words)
    for text in (*words.notes, words.reason, words.next_step, on_arm):
        if text:
            console.print(text, indent=2)
