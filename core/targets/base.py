"""The interface of a target: its properties, and how its files are made and opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from core.common.progress import Progress
from core.common.text import Text
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.runtimes.predictor import Predictor, Tensor
from core.targets.layer_reader import LayerReader


@dataclass(frozen=True)
class ModelFormat:
    """A kind of model file."""

    name: str
    """As people call it; the same in every language."""

    graph_suffix: str
    """Suffix of the file that a graph viewer opens, such as ``.onnx``."""


@dataclass(frozen=True)
class Effort:
    """Time that a step takes, in seconds on the reference computer of :mod:`core.preflight.estimate`."""

    start: float
    per_million_weights: float
    runs: float
    """In runs of the model."""

    runs_per_sample: float
    """In runs of the model, for each sample used."""


class Target(Protocol):
    """One kind of model file to make. Each is a file of its own in :mod:`core.targets`."""

    @property
    def id(self) -> TargetId:
        """The name that the command line, job folders and reports use."""

    @property
    def title(self) -> Text:
        """A short name for people."""

    @property
    def sentence(self) -> Text:
        """One sentence for people: what it is good for and what it costs."""

    @property
    def format(self) -> ModelFormat:
        """The format of its files."""

    @property
    def needs_images(self) -> bool:
        """Whether calibration samples are needed to make it."""

    @property
    def least_cosine(self) -> float:
        """Least cosine similarity of every output with the source's for the file to be accepted."""

    @property
    def bytes_per_weight(self) -> float:
        """Size of one weight in the file, scales included, for the estimate."""

    @property
    def effort(self) -> Effort:
        """Time that making it takes, for the estimate; its samples are calibration samples."""

    def file_names(self, stem: str) -> tuple[str, ...]:
        """Names of its files for a source called ``stem``.onnx."""

    def check(self, source: Source) -> None:
        """Check whether it can be made at all, without trying.

        Raises:
            TargetRefused: it cannot; the error has the reason and the next step.
        """

    def notes(self, source: Source) -> tuple[Text, ...]:
        """Notes on the result before it is made; for a source that passes :meth:`check`."""

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Write its files into ``folder``.

        Raises:
            EdgePressError: it did not work; ``folder`` will be deleted.
        """

    def open(self, artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:
        """Load one of its artifacts, with the source's names of inputs and outputs.

        Args:
            artifact: made by this target.
            expected: outputs of the source for one sample, whose names and shapes the outputs get.
            threads: threads for one run; 0 for all.

        Raises:
            ConversionError: the runtime does not load it.
        """

    def layer_reader(self, artifact: Artifact, context: ConversionContext) -> LayerReader:
        """Look inside one of its artifacts by the names of the source's tensors.

        Raises:
            EdgePressError: it does not load, or its tensors cannot be found.
        """


_Model = TypeVar("_Model")


def write_with_variants(
    write: Callable[[_Model, Path], Artifact], folder: Path, chosen: _Model, *others: _Model | None
) -> Artifact:
    """Write the files of a model, and those that may take their place, into folders in its folder.

    Args:
        write: writes the files of one model into a folder.
        folder: of the target.
        chosen: the model.
        others: None where there is no such model.
    """
    variants = []
    for number, other in enumerate(others):
        if other is not None:
            place = folder / f"variant-{number}"
            place.mkdir(exist_ok=True)
            variants.append(write(other, place))
    return replace(write(chosen, folder), variants=tuple(variants))
