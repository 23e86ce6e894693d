"""Models of which nothing is known but their tensors: they are compared number by number."""

from __future__ import annotations

from collections.abc import Mapping

from core.runtimes.predictor import Tensor
from core.tasks.base import Prediction, TaskName


class Tensors:
    """No answer to read, so none to agree on."""

    name: TaskName = "tensors"

    def decode(self, outputs: Mapping[str, Tensor]) -> Prediction:
        """Nothing."""
        return Prediction()

    def class_index(self, label: str) -> int | None:
        """Nothing."""
        return None

    def class_name(self, index: int) -> str:
        """The number itself."""
        return str(index)
