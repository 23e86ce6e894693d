"""All results at a glance: how far each file keeps the answers, how right it is, its size and its times."""

from __future__ import annotations

from collections.abc import Iterator

from core.common import number_format
from core.common.percent import percent
from core.common.text import Text, say
from core.html_report.parts import Cell, Heading, Table, Tell
from core.job.comparison import Latency, TruthFigure
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
    difference,
    is_tried_on_arm,
    state,
    state_word,
    truth_of,
)
from core.targets import target_by_id

_NOTHING = Cell(number_format.NOTHING)


def comparison_table(report: Report, tell: Tell) -> Table:
    """One row for the original and one for each target."""
    headings = [Heading(tell(say("File"))), Heading(tell(say("State"))), Heading(tell(kept_title(report)), True)]
    if report.source.truth:
        headings.append(Heading(tell(TRUTH_TITLES[report.source.truth[0].metric]), True))
    if is_tried_on_arm(report):
        headings.append(Heading(tell(ARM_TITLE)))
    headings += [
        Heading(tell(say("Size")), True),
        Heading(tell(say("Time, 1 thread")), True),
        Heading(tell(say("Time, all threads")), True),
    ]
    rows = (tuple(_row(outcome, report, tell)) for outcome in report.outcomes)
    return Table(tuple(headings), (tuple(_original(report, tell)), *rows))


def column_notes(report: Report, tell: Tell) -> tuple[str, ...]:
    """What the columns mean."""
    metric = agreement_metric(report)
    kept = SIMILARITY_HELP if metric is None else AGREEMENT_HELP[metric]
    titled = [(kept_title(report), kept)]
    if not report.images.test:
        titled.append(
            (say("No test examples"), say("the figures are of random inputs, and say little of real answers."))
        )
    if report.source.truth:
        titled.append((TRUTH_TITLES[report.source.truth[0].metric], TRUTH_HELP))
    if is_tried_on_arm(report):
        titled.append((ARM_TITLE, ARM_HELP))
    titled.append(
        (
            say("Time"),
            say(
                "The median of single runs on the computer that is named below, and the 95th percentile (p95). A phone "
                "or a small board has other strengths, above all with ncnn."
            ),
        )
    )
    return tuple(tell(say("{title}: {meaning}", title=title, meaning=meaning)) for title, meaning in titled)


def truth_table(report: Report, tell: Tell) -> Table | None:
    """All figures against the labels, where there is more than one."""
    figures = report.source.truth
    if len(figures) < 2:
        return None
    headings = (
        Heading(tell(say("File"))),
        *(Heading(tell(TRUTH_TITLES[figure.metric]), True) for figure in figures),
    )
    original = (Cell(tell(say("Original"))), *(Cell(percent(figure.value)) for figure in figures))
    rows = [
        (
            Cell(tell(target_by_id(outcome.target).title)),
            *(_right(truth_of(_truth(outcome), figure.metric), tell) for figure in figures),
        )
        for outcome in report.converted
    ]
    return Table(headings, (original, *rows))


def kept_cell(outcome: OutcomeEntry, report: Report, tell: Tell) -> Cell:
    """What a file keeps, with its interval."""
    comparison = outcome.comparison
    if comparison is None:
        return _NOTHING
    agreement = comparison.agreement
    if agreement_metric(report) is None:
        return Cell(number_format.similarity(comparison.cosine))
    if agreement is None:
        return _NOTHING
    low, high = (percent(share) for share in (agreement.low, agreement.high))
    interval = () if low == high else (tell(say("{low} to {high}", low=low, high=high)),)
    return Cell(percent(agreement.value), interval)


def kept_title(report: Report) -> Text:
    """Heading of the column of what files keep."""
    metric = agreement_metric(report)
    return SIMILARITY_TITLE if metric is None else AGREEMENT_TITLES[metric]


def _original(report: Report, tell: Tell) -> Iterator[Cell]:
    source = report.source
    yield Cell(tell(say("Original")))
    yield Cell("")
    yield _NOTHING
    if source.truth:
        yield Cell(percent(source.truth[0].value))
    if is_tried_on_arm(report):
        yield Cell("")
    yield Cell(number_format.size(source.size_bytes))
    yield _one_thread(source.latency_ms, None, tell)
    yield _all_threads(source.latency_ms, None, tell)


def _row(outcome: OutcomeEntry, report: Report, tell: Tell) -> Iterator[Cell]:
    found, source = state(outcome), report.source
    yield Cell(tell(target_by_id(outcome.target).title))
    yield Cell(f"{STATE_LETTERS[found]} {tell(state_word(outcome))}", tone=found)
    yield kept_cell(outcome, report, tell)
    if source.truth:
        yield _right(truth_of(_truth(outcome), source.truth[0].metric), tell)
    if is_tried_on_arm(report):
        yield _arm(outcome, tell)
    share = outcome.size_share(source)
    part = () if share is None else (tell(say("{part} of the original", part=number_format.part(share))),)
    yield Cell(number_format.size(outcome.size_bytes), part)
    own = None if outcome.comparison is None else outcome.comparison.latency_ms
    yield _one_thread(own, source.latency_ms, tell)
    yield _all_threads(own, source.latency_ms, tell)


def _truth(outcome: OutcomeEntry) -> tuple[TruthFigure, ...]:
    return () if outcome.comparison is None else outcome.comparison.truth


def _right(figure: TruthFigure | None, tell: Tell) -> Cell:
    if figure is None:
        return _NOTHING
    by = difference(figure)
    return Cell(percent(figure.value), () if by is None else (tell(by),))


def _arm(outcome: OutcomeEntry, tell: Tell) -> Cell:
    if outcome.arm is None:
        return _NOTHING
    found = ARM_STATES[outcome.arm.status]
    return Cell(f"{STATE_LETTERS[found]} {tell(ARM_WORDS[outcome.arm.status])}", tone=found)


def _one_thread(latency: Latency | None, original: Latency | None, tell: Tell) -> Cell:
    if latency is None:
        return _NOTHING
    before = None if original is None else original.median_one_thread
    return _time(latency.median_one_thread, latency.p95_one_thread, before, tell)


def _all_threads(latency: Latency | None, original: Latency | None, tell: Tell) -> Cell:
    if latency is None:
        return _NOTHING
    before = None if original is None else original.median_all_threads
    return _time(latency.median_all_threads, latency.p95_all_threads, before, tell)


def _time(median: float, p95: float, before: float | None, tell: Tell) -> Cell:
    slowest = tell(say("p95 {time}", time=number_format.milliseconds(p95)))
    if before is None or not median:
        return Cell(number_format.milliseconds(median), (slowest,))
    faster = tell(say("{times} as fast", times=number_format.times(before / median)))
    return Cell(number_format.milliseconds(median), (faster, slowest))
