"""What every task offers: read an answer out of the outputs, and say whether two answers agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.runtimes.predictor import Tensor

TaskName = Literal["classification", "tensors"]


@dataclass(frozen=True)
class Prediction:
    """What a model says to one input."""

    ranking: tuple[int, ...] = ()
    """The first classes, surest first; empty for models that do not classify."""

    label: str | None = None
    """Name of the first class."""

    score: float | None = None
    """How sure the model is of it, 0 to 1."""

    def to_json(self) -> dict[str, Any]:
        """What the gallery shows of it."""
        return {} if self.label is None else {"label": self.label, "score": self.score}


class Task(Protocol):
    """One reading of a model's outputs."""

    @property
    def name(self) -> TaskName:
        """How the report calls it."""

    def decode(self, outputs: Mapping[str, Tensor]) -> Prediction:
        """Turn the outputs for one sample into a prediction."""

    def class_index(self, label: str) -> int | None:
        """The class that a person's label means, or None if it means none of the model's."""

    def class_name(self, index: int) -> str:
        """A name for people."""
