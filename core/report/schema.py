"""The report of a job: what ``--json`` prints, ``report.json`` holds and the pages read.

Every sentence is there twice: in English for other programs, and under ``words`` as a :class:`Text`, which the pages
show in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from core.common.errors import InputError
from core.common.serialization import from_data
from core.common.text import Text, say
from core.job.comparison import Agreement, Latency, LayerPrecision, Light, TruthFigure
from core.job.graph_links import GraphLinks
from core.job.outcome import Artifact, PostProcessing
from core.job.preflight_result import PreflightStatus
from core.job.target_id import TargetId
from core.onnx_model.source import TensorInfo
from core.preprocessing import Preprocessing
from core.report.earlier_versions import upgraded
from core.report.environment import Environment
from core.tasks.base import Budget, TaskName, TaskOptions

OutcomeStatus: TypeAlias = Literal["converted", "refused", "failed"]


@dataclass(frozen=True)
class Texts:
    """The sentences of an entry, for translation."""

    reason: Text | None = None
    next_step: Text | None = None
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class JobTexts:
    """The sentences that concern the whole job, for translation."""

    notes: tuple[Text, ...]


@dataclass(frozen=True)
class SourceEntry:
    """The source, and what was measured of it."""

    path: Path
    size_bytes: int
    opset: int
    parameters: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: Mapping[str, int]
    latency_ms: Latency | None
    truth: tuple[TruthFigure, ...] = ()
    """Against the labels; empty without."""

    def share(self, size_bytes: int | None) -> float | None:
        """The size of another file as a share of its own."""
        return None if size_bytes is None or not self.size_bytes else size_bytes / self.size_bytes


@dataclass(frozen=True)
class TaskEntry:
    """What the model is for, and how its outputs were decoded and judged."""

    name: TaskName
    reason: str
    """Why it was taken for that."""

    words: Text
    """The reason, for translation."""

    options: TaskOptions = field(default_factory=TaskOptions)
    budget: Budget | None = None
    """None in reports of earlier versions."""

    class_names: tuple[str, ...] = ()
    """By index."""

    labels: str | None = None
    """Which labels were found and used, in English; None without any."""

    labels_words: Text | None = None
    """The same, for translation."""


@dataclass(frozen=True)
class LayerEntry:
    """The error of one layer of a file against the source's, in the order of the graph."""

    name: str
    """Name of the layer in the source."""

    operator: str
    """Its operator in the source."""

    precision: LayerPrecision
    sqnr_db: float | None
    """Signal to quantisation noise ratio of its output; None where there is no difference at all."""

    cosine: float
    weights: int = 0
    """Number of its weights; 0 in reports of earlier versions."""

    share: float | None = None
    """Of the noise that all layers cause, each one alone in 8 bit; None where that was not measured."""


@dataclass(frozen=True)
class SkippedFile:
    """A sample that could not be read."""

    file: str
    why: str


@dataclass(frozen=True)
class ImagesEntry:
    """How many samples were used for what."""

    calibration: int
    test: int
    skipped: tuple[SkippedFile, ...]
    duplicates: int


@dataclass(frozen=True)
class OutputEntry:
    """One output of a file, against the source's; an infinite SQNR (no difference at all) is None."""

    name: str
    cosine: float
    sqnr_db: float | None
    largest: float
    scores: OutputEntry | None = None
    """Of a detector's columns of scores (0 to 1) alone: coordinates in pixels would outweigh them."""


@dataclass(frozen=True)
class ComparisonEntry:
    """The metrics of one file, against the source."""

    images: int
    cosine: float
    sqnr_db: float | None
    outputs: tuple[OutputEntry, ...]
    latency_ms: Latency | None
    light: Light
    verdict: str
    """The light in a sentence."""

    words: Text
    """The verdict, for translation."""

    agreement: Agreement | None = None
    truth: tuple[TruthFigure, ...] = ()
    layers: tuple[LayerEntry, ...] = ()

    def speed_up(self, source: SourceEntry) -> float | None:
        """How many times as fast as the source the file is, on one thread."""
        if self.latency_ms is None or source.latency_ms is None or not self.latency_ms.median_one_thread:
            return None
        return source.latency_ms.median_one_thread / self.latency_ms.median_one_thread


ArmStatus: TypeAlias = Literal["right", "wrong", "unknown"]


@dataclass(frozen=True)
class ArmEntry:
    """What came of a file on an emulated ARM processor; how fast it was there says nothing, so it is not kept."""

    processor: str
    """One of :data:`core.setup.arm.PROCESSORS`."""

    status: ArmStatus
    """Whether it is as good there as here; ``unknown`` where there was no time to run it, or it is not there."""

    verdict: str
    words: Text
    """The verdict, for translation."""

    images: int
    """Test samples on which it was run; 0 where synthetic samples took their place."""

    agreement: Agreement | None = None
    """On ARM, with the original on this computer."""

    here: Agreement | None = None
    """The same file on this computer, on the same samples."""

    detail: str = ""


@dataclass(frozen=True)
class VariantEntry:
    """One of the files of a target between which the person may choose, in the job's folder."""

    number: int
    """0 for the one that EdgePress chose; by it its predictions are found (:func:`core.job.target_id.file_id`)."""

    files: tuple[Path, ...]
    size_bytes: int
    comparison: ComparisonEntry
    notes: tuple[str, ...]
    words: Texts


@dataclass(frozen=True)
class OutcomeEntry:
    """What became of one target; every entry has the same keys."""

    target: TargetId
    status: OutcomeStatus
    reason: str | None
    next_step: str | None
    detail: str
    files: tuple[Path, ...]
    size_bytes: int | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    notes: tuple[str, ...]
    seconds: float
    comparison: ComparisonEntry | None
    words: Texts
    cut: PostProcessing | None = None
    """What an ncnn file leaves out, and what it gives instead; its ``model`` is an ONNX file in the job's folder."""

    integer_inputs: tuple[str, ...] = ()
    """Inputs that an ncnn file takes as 32-bit integers; it takes all others as 32-bit floats."""

    arm: ArmEntry | None = None
    """None where it was not tried on an emulated ARM processor."""

    variants: tuple[VariantEntry, ...] = ()
    """What this file was chosen from; empty where there was nothing to choose from."""

    variant: int = 0
    """Number of the one that this is."""

    def speed_up(self, source: SourceEntry) -> float | None:
        """How many times as fast as the source it is, on one thread."""
        return None if self.comparison is None else self.comparison.speed_up(source)

    def size_share(self, source: SourceEntry) -> float | None:
        """Its size as a share of the source's."""
        return source.share(self.size_bytes)

    @property
    def artifact(self) -> Artifact:
        """The file, as its target opens it; it may not be there any more."""
        return Artifact(
            self.target, self.files, self.inputs, self.outputs, cut=self.cut, integer_inputs=self.integer_inputs
        )


@dataclass(frozen=True)
class PreflightEntry:
    """What pre-flight found about one target."""

    target: TargetId
    status: PreflightStatus
    reason: str | None
    next_step: str | None
    notes: tuple[str, ...]
    size_bytes: int | None
    seconds: float | None
    memory_bytes: float | None
    words: Texts


@dataclass(frozen=True)
class Report:
    """Everything that is known at the end of a job."""

    source: SourceEntry
    preprocessing: Preprocessing
    task: TaskEntry
    images: ImagesEntry
    notes: tuple[str, ...]
    words: JobTexts
    preflight: tuple[PreflightEntry, ...]
    outcomes: tuple[OutcomeEntry, ...]
    environment: Environment | None = None
    """What the job ran on; None in reports of earlier versions."""

    links: GraphLinks | None = None
    """By which layers of the source are found in the graphs of the files; None in reports of earlier versions."""

    @property
    def converted(self) -> tuple[OutcomeEntry, ...]:
        """The outcomes that are files."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "converted")


def read_report(data: Any) -> Report:
    """Read a report of this version or an earlier one.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        return from_data(Report, upgraded(data))
    except ValueError as exc:
        raise InputError(
            say("The report of this job is damaged."),
            next_step=say("Start the conversion again; files that were made before are untouched."),
            detail=repr(exc),
        ) from exc
