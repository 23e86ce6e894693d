"""What every task offers: recognise its models, decode their outputs, compare two predictions, score them on labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from core.common.text import Text, say
from core.job.allowed_change import AllowedChange
from core.job.comparison import Agreement, TruthFigure
from core.job.task_name import TaskName as TaskName
from core.onnx_model.source import Source
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.predictions import Truth

TASK_TITLES: Mapping[TaskName, Text] = {
    "classification": say("What is in the picture (classification)"),
    "detection": say("Objects and where they are (detection)"),
    "instance-segmentation": say("Objects and their outlines (instance segmentation)"),
    "pose": say("People and their joints (pose)"),
    "keypoints": say("Points of one body, face or hand (keypoints)"),
    "segmentation": say("The class of every pixel (segmentation)"),
    "text": say("Reading a line of text (text recognition)"),
    "embedding": say("What is alike (embedding)"),
    "image-to-image": say("A picture from a picture (super-resolution, depth)"),
    "scores": say("Shares between 0 and 1 (scores)"),
    "tensors": say("Plain numbers (no task)"),
}
"""For people; the words of the command line and of reports are the keys."""

UNFIT = (ArithmeticError, LookupError, TypeError, ValueError)
"""What recognising or decoding may raise for outputs of a form that a task was not made for."""

P = TypeVar("P")
P_contra = TypeVar("P_contra", contravariant=True)


@dataclass(frozen=True)
class Evidence:
    """Everything by which a task is recognised."""

    source: Source
    """The model, with only those inputs that differ between samples."""

    outputs: Sequence[Mapping[str, Tensor]]
    """The source's outputs for a few samples; at least one."""

    input_size: tuple[int, int] | None
    """Height and width of the model's image input, in pixels; None where it takes no image."""

    class_names: tuple[str, ...] = ()
    """By index: from the model's metadata, a file beside it, the labels or the person."""

    labels: frozenset[str] = frozenset()
    """All labels of whole images that occur, where the samples are labelled so."""

    characters: tuple[str, ...] = ()
    """Text recognition: the characters by index, without the blank."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    """What is known about the model besides: the file's ``metadata_props``."""

    is_synthetic: bool = False
    """Whether the samples were made up, as there are none of the person."""


@dataclass(frozen=True)
class TaskOptions:
    """What a person may change about how a task decodes."""

    score: float | None = None
    """Least score of an object, a point or a decision, 0 to 1; None for the task's own default."""


_ALLOWED: Mapping[AllowedChange, float] = {"nothing": 1 / 6, "hardly": 1 / 3, "little": 1.0, "smallest": 1.0}
"""Change that is allowed, as a share of what a task's own budget allows: of 3%, for instance, 0.5% and 1%."""


@dataclass(frozen=True)
class Budget:
    """How much of the source's answers must stay, as shares of the agreement, 0 to 1."""

    keeps: float
    """From here on a file keeps the answers."""

    floor: float
    """Below, a file is of no use and is not handed out."""

    def allowing(self, change: AllowedChange, keep: float | None = None) -> Budget:
        """The budget where a person says how much may change; a task's own one allows a little.

        Args:
            change: what quantisers are to work for.
            keep: share of the answers that must stay, where the person said so.
        """
        keeps = 1.0 - _ALLOWED[change] * (1.0 - self.keeps) if keep is None else keep
        return Budget(keeps, min(self.floor, keeps))


class AgreementMetric(Protocol[P_contra]):
    """Accumulates how far a file gives the source's predictions."""

    def update(self, source: P_contra, other: P_contra) -> float:
        """Add one sample; its own agreement, 0 to 1, by which samples are sorted (1: nothing changed)."""

    def compute(self) -> Agreement | None:
        """Over all samples; None where the source found nothing on which files could agree or not."""


class TruthMetric(Protocol[P_contra]):
    """Accumulates how far a model gives what the labels say. Memory: a few numbers for each sample."""

    def update(self, prediction: P_contra, truth: Truth) -> None:
        """Add one labelled sample; a truth of another kind is ignored."""

    def compute(self, source: TruthMetric[Any] | None = None) -> tuple[TruthFigure, ...]:
        """Over all samples, the most important figure first; empty where no label could be used.

        Args:
            source: the source's own metric over the same samples, for the differences and their intervals.
        """


class Task(Protocol[P]):
    """One way to decode a model's outputs, and to judge what is decoded."""

    @property
    def name(self) -> TaskName:
        """Its name in the report."""

    @property
    def reason(self) -> Text:
        """Why this model is taken for one of this task, for people."""

    @property
    def options(self) -> TaskOptions:
        """With the values that are used."""

    @property
    def budget(self) -> Budget:
        """The default budget; docs/tasks.md has the measurements behind it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By index; empty where they are unknown."""

    @property
    def decoder(self) -> Mapping[str, Any]:
        """Everything by which outputs are decoded, as plain data: enough to do the same elsewhere."""

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> P:
        """Decode the outputs for one sample.

        Args:
            outputs: of the source or of a file made from it.
            placement: where the image lies in the model's input.
        """

    def agreement(self) -> AgreementMetric[P]:
        """A new, empty metric."""

    def truth(self) -> TruthMetric[P] | None:
        """A new, empty metric; None for tasks that have no labels."""

    def confidence(self, predictions: Sequence[P]) -> float:
        """How sure the model is of predictions for several samples; the right preprocessing gives the highest."""

    @property
    def noise(self) -> Callable[[P, P], tuple[float, float]] | None:
        """What the search for sensitive layers watches: from the source's prediction and another one to the noise of
        the latter and the power of the former. None where the noise of the outputs themselves says it.

        It must change with every small change of the outputs that may change an answer, as agreement does not.
        """

    def to_json(self, prediction: P) -> dict[str, Any]:
        """A prediction as ``gallery.json`` holds it and the pages draw it; small.

        The key ``kind`` says which:

        - ``classes``: ``label``, ``score``, ``best`` (the first five as [name, probability]), and for multi-label
          models ``present``, a list of names;
        - ``objects``: ``boxes``, ``scores``, ``classes`` (indices), at most 100 of them, and where there are any
          ``angles``, ``keypoints`` ([[x, y, score], ...] for each) and ``polygons`` (a list of rings [[x, y], ...] for
          each), all in pixels of the image;
        - ``points``: ``points`` and ``scores``;
        - ``map``: ``png``, a small picture of class indices (mode L, or P) in base64, and ``region``;
        - ``text``: ``text`` and ``score``;
        - ``image``: ``jpeg``, at most 256 pixels, in base64;
        - ``scores``: ``scores``, the first 16;
        - an empty mapping where nothing was decoded.
        """


AnyTask: TypeAlias = Task[Any]
