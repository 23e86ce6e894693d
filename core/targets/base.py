"""What a target is, seen from outside: everything that is its own, and one way to make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.common.progress import Progress
from core.common.text import Text
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.runtimes.predictor import Predictor, Tensor


@dataclass(frozen=True)
class ModelFormat:
    """A kind of model file."""

    name: str
    """As people call it; the same in every language."""

    graph_suffix: str
    """Ending of the file that a graph viewer opens, such as ``.onnx``."""


@dataclass(frozen=True)
class Effort:
    """Seconds that a step takes on the reference computer of :mod:`core.preflight.estimate`."""

    start: float
    per_million_weights: float
    runs: float
    """In runs of the model."""

    runs_per_sample: float
    """In runs of the model, for each sample that is looked at."""


class Target(Protocol):
    """One thing to make. Each lives in a file of its own in :mod:`core.targets`."""

    @property
    def id(self) -> TargetId:
        """The name that the command line, job folders and reports use."""

    @property
    def title(self) -> Text:
        """A short name for people."""

    @property
    def sentence(self) -> Text:
        """One plain sentence: what it is good for and what it costs."""

    @property
    def format(self) -> ModelFormat:
        """What kind of files it gives."""

    @property
    def needs_images(self) -> bool:
        """Whether calibration samples are needed to make it."""

    @property
    def least_cosine(self) -> float:
        """Cosine similarity that every output must keep with the source's for the file to be handed out."""

    @property
    def bytes_per_weight(self) -> float:
        """Size of one weight in the file, scales included, for the estimate."""

    @property
    def effort(self) -> Effort:
        """What making it takes, for the estimate; runs for each sample are for each calibration sample."""

    def file_names(self, stem: str) -> tuple[str, ...]:
        """Names of its files for a source called ``stem``.onnx."""

    def check(self, source: Source) -> None:
        """Look whether it can be made at all, without trying.

        Raises:
            TargetRefused: it cannot; the reason and the next step are in the error.
        """

    def notes(self, source: Source) -> tuple[Text, ...]:
        """What to know of the result before it is made; for a source that :meth:`check` lets pass."""

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Write its files into ``folder``.

        Raises:
            EdgePressError: it did not work; what lies in ``folder`` is thrown away.
        """

    def open(self, artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:
        """Load one of its artifacts so that it answers under the source's names.

        Args:
            artifact: made by this target.
            expected: outputs of the source for one sample, with the shapes that every answer must have.
            threads: threads for one run; 0 for all.

        Raises:
            ConversionError: the runtime does not load it.
        """
