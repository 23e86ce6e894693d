"""Any other model: only its output tensors are compared, nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping

from core.runtimes.predictor import Tensor
from core.tasks.base import Prediction, TaskName


class Tensors:
    """Decodes nothing, so there is neither agreement nor accuracy."""

    name: TaskName = "tensors"

    def decode(self, outputs: Mapping[str, Tensor]) -> Prediction:
        """An empty prediction."""
        return Prediction()

    def class_index(self, label: str) -> int | None:
        """There are no classes."""
        return None

    def class_name(self, index: int) -> str:
        """Its number."""
        return str(index)
