"""How it came about: settings with whole paths, versions, the computer, the command, notes, other files on offer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.common import number_format
from core.common.memory import memory_text
from core.common.text import Text, say
from core.html_report.command_line import CLASS_NAMES, command_line
from core.html_report.comparison_table import kept_title
from core.html_report.finished_job import FinishedJob
from core.html_report.parts import Cell, Fact, Heading, Table, Tell
from core.job.allowed_change import CHANGE_TITLES
from core.job.target_id import file_id
from core.report import explanations
from core.report.schema import OutcomeEntry, Report
from core.report.wording import STATE_LETTERS, light_word, state, state_word, with_interval
from core.targets import target_by_id

_MOST_SKIPPED = 20


@dataclass(frozen=True)
class NotesOf:
    """What is said of one file, or why there is none."""

    name: str
    state: str
    tone: str
    sentences: tuple[str, ...]
    files: tuple[str, ...]
    took: str
    """How long making it took; empty where it was not tried."""


@dataclass(frozen=True)
class Settings:
    """The section."""

    settings: tuple[Fact, ...]
    environment: tuple[Fact, ...]
    command: str
    command_note: str
    notes: tuple[str, ...]
    files: tuple[NotesOf, ...]
    variants: Table | None
    skipped: tuple[str, ...]


def settings(finished: FinishedJob, tell: Tell) -> Settings:
    """How a job was done."""
    report, job = finished.report, finished.job
    note = say("Write the names of the classes into {file} first, one a line.", file=CLASS_NAMES)
    return Settings(
        settings=tuple(_settings(finished, tell)),
        environment=tuple(_environment(report, tell)),
        command=command_line(job),
        command_note=tell(note) if job.class_names else "",
        notes=tuple(map(tell, report.words.notes)),
        files=tuple(_notes(outcome, tell) for outcome in report.outcomes),
        variants=_variants(report, tell),
        skipped=tuple(_skipped(report, tell)),
    )


def _settings(finished: FinishedJob, tell: Tell) -> Iterator[Fact]:
    job, state_ = finished.job, finished.state
    yield Fact(tell(say("Job")), finished.id)
    yield Fact(tell(say("When")), number_format.moment(state_.started or state_.created))
    if state_.started is not None and state_.finished is not None:
        took = number_format.duration(state_.finished - state_.started)
        yield Fact(tell(say("It took")), tell(say("{time} (minutes:seconds)", time=took)))
    yield Fact(tell(say("Model")), tell(str(job.source)))
    for name, folder in _folders(finished):
        yield Fact(tell(name), tell(str(folder)))
    for given, value in job.inputs.items():
        yield Fact(tell(say("Input that never changes")), tell(f"{given}={value}"))
    yield Fact(tell(say("How much the answers may change")), tell(_change(finished)))
    score = finished.report.task.options.score
    if score is not None:
        yield Fact(tell(say("Least score")), f"{score:g}")
    if job.dequantize:
        yield Fact(tell(say("8 bit model")), tell(say("turned back into 32 bit first")))
    if "ncnn_quan" in job.targets:
        yield Fact("ncnn, int8", f"{tell(job.ncnn_tools)}, {job.ncnn_calibration}")


def _folders(finished: FinishedJob) -> Iterator[tuple[Text, Path]]:
    job = finished.job
    for name, folder in ((say("Examples"), job.images), (say("Test examples"), job.test_images)):
        if folder is not None:
            yield name, folder
    yield say("Folder for the results"), job.out


def _change(finished: FinishedJob) -> Text:
    if finished.job.keep is not None:
        return say("{percentage}% of the original's answers stay", percentage=f"{100 * finished.job.keep:g}")
    return CHANGE_TITLES[finished.job.change]


def _environment(report: Report, tell: Tell) -> Iterator[Fact]:
    found = report.environment
    if found is None:
        yield Fact(tell(say("Computer and versions")), tell(say("not recorded by the version that ran this job")))
        return
    yield Fact("EdgePress", found.edgepress)
    yield Fact("Python", found.python)
    yield from (Fact(name, version) for name, version in found.packages.items())
    processor = f"{found.processor} ({found.machine})" if found.processor else found.machine
    yield Fact(tell(say("Processor")), tell(processor))
    yield Fact(tell(say("Threads")), str(found.threads))
    yield Fact(tell(say("Memory")), tell(memory_text(found.memory_bytes)))
    yield Fact(tell(say("Operating system")), tell(found.system))


def _notes(outcome: OutcomeEntry, tell: Tell) -> NotesOf:
    found, comparison, words = state(outcome), outcome.comparison, outcome.words
    sentences = (
        comparison.words if comparison is not None and comparison.words.template else None,
        *words.notes,
        words.reason,
        words.next_step,
        explanations.on_arm(outcome),
    )
    is_tried = outcome.status != "refused"
    took = say("made in {seconds} s", seconds=f"{outcome.seconds:.1f}")
    if outcome.status == "failed":
        took = say("tried for {seconds} s", seconds=f"{outcome.seconds:.1f}")
    return NotesOf(
        name=tell(target_by_id(outcome.target).title),
        state=f"{STATE_LETTERS[found]} {tell(state_word(outcome))}",
        tone=found,
        sentences=tuple(tell(sentence) for sentence in sentences if sentence is not None),
        files=tuple(tell(file.name) for file in outcome.files),
        took=tell(took) if is_tried else "",
    )


def _variants(report: Report, tell: Tell) -> Table | None:
    """The files between which there is a choice; None where there is none."""
    rows = [
        (
            Cell(file_id(outcome.target, variant.number), (tell(say("in use")),) if is_used else ()),
            Cell(
                f"{STATE_LETTERS[variant.comparison.light]} {tell(light_word(variant.comparison))}",
                tone=variant.comparison.light,
            ),
            Cell(
                number_format.similarity(variant.comparison.cosine)
                if variant.comparison.agreement is None
                else tell(with_interval(variant.comparison.agreement))
            ),
            Cell(number_format.size_and_part(variant.size_bytes, report.source.share(variant.size_bytes))),
            Cell(number_format.times(variant.comparison.speed_up(report.source))),
        )
        for outcome in report.converted
        for variant in outcome.variants
        for is_used in [variant.number == outcome.variant]
    ]
    if not rows:
        return None
    headings = (
        Heading(tell(say("File"))),
        Heading(tell(say("State"))),
        Heading(tell(kept_title(report)), True),
        Heading(tell(say("Size")), True),
        Heading(tell(say("Speed")), True),
    )
    return Table(headings, tuple(rows))


def _skipped(report: Report, tell: Tell) -> Iterator[str]:
    skipped = report.images.skipped
    for one in skipped[:_MOST_SKIPPED]:
        yield f"{tell(Path(one.file).name)}: {tell(one.why)}"
    if len(skipped) > _MOST_SKIPPED:
        yield tell(say("{count} more", count=len(skipped) - _MOST_SKIPPED))
