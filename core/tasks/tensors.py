"""Any other model: only its output tensors are compared, nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from core.common.text import Text, say
from core.job.task_name import TaskName
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, TaskOptions
from core.tasks.predictions import NoPrediction


class NothingToCompare:
    """The agreement where nothing is decoded: there is none."""

    def update(self, source: NoPrediction, other: NoPrediction) -> float:
        """Nothing changed, as far as can be told."""
        return 1.0

    def compute(self) -> None:
        """None."""
        return


_UNKNOWN = say("Its outputs are of no kind that is known here, so only numbers are compared.")


class Tensors:
    """Decodes nothing, so there is neither agreement nor truth.

    Args:
        reason: why, for people.
    """

    name: ClassVar[TaskName] = "tensors"
    noise: ClassVar[None] = None  # that of the numbers says it
    budget: ClassVar[Budget] = Budget(keeps=1.0, floor=0.0)
    class_names: tuple[str, ...] = ()
    options = TaskOptions()

    def __init__(self, reason: Text = _UNKNOWN) -> None:
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """Nothing is decoded."""
        return {}

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> NoPrediction:
        """An empty prediction."""
        return NoPrediction()

    def agreement(self) -> NothingToCompare:
        """One that says nothing."""
        return NothingToCompare()

    def truth(self) -> None:
        """Labels cannot be used."""
        return

    def confidence(self, predictions: Sequence[NoPrediction]) -> float:
        """Nothing is known."""
        return 0.0

    def to_json(self, prediction: NoPrediction) -> dict[str, Any]:
        """Nothing."""
        return {}
