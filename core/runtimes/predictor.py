"""The interface of every runtime, so that the rest of the core does not depend on a particular one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]
"""An array with the model's element type and full shape, batch axis included."""

Feeds = Mapping[str, Tensor]
"""Input name of the source -> tensor."""


class Predictor(Protocol):
    """A loaded model, with the names and shapes of the source."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the order of the source."""

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference.

        Args:
            feeds: one tensor for each input of the source.

        Returns:
            Output name -> tensor with the source's shape, in the source's order.

        Raises:
            ConversionError: the runtime refused the input or failed.
        """

    def release_memory_after_runs(self) -> None:
        """Take memory for activations only during a run from now on, where many models are open; runs get slower.

        A runtime keeps it for the next run otherwise.
        """

    def close(self) -> None:
        """Release the memory; the predictor cannot be used afterwards."""


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether no output holds NaN or infinity (integers never do)."""
    return all(
        bool(np.isfinite(tensor).all()) for tensor in tensors.values() if np.issubdtype(tensor.dtype, np.floating)
    )
