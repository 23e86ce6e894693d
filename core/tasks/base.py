"""What every task offers: it decodes a model's outputs into a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.runtimes.predictor import Tensor

TaskName = Literal["classification", "tensors"]


@dataclass(frozen=True)
class Prediction:
    """What a model predicts for one sample."""

    ranking: tuple[int, ...] = ()
    """The top-5 classes, best first; empty for models that do not classify."""

    label: str | None = None
    """Name of the top-1 class."""

    score: float | None = None
    """Its probability, 0 to 1."""

    def to_json(self) -> dict[str, Any]:
        """As ``gallery.json`` holds it."""
        return {} if self.label is None else {"label": self.label, "score": self.score}


class Task(Protocol):
    """One way to decode a model's outputs."""

    @property
    def name(self) -> TaskName:
        """Its name in the report."""

    def decode(self, outputs: Mapping[str, Tensor]) -> Prediction:
        """Decode the outputs for one sample."""

    def class_index(self, label: str) -> int | None:
        """Index of the class that a label from the person means; None if it is none of the model's."""

    def class_name(self, index: int) -> str:
        """The name of a class, for people."""
