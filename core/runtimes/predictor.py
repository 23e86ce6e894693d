"""What every runtime offers, so that nothing above needs to know which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]
"""An array with the model's own element type and its full shape, batch axis included."""

Feeds = Mapping[str, Tensor]
"""Input name of the source -> tensor."""


class Predictor(Protocol):
    """A loaded model. Names and shapes are the source's, whatever the runtime calls them."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names of the source, in its order."""

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run once.

        Args:
            feeds: one tensor per input of the source.

        Returns:
            Output name -> tensor with the source's shape, in the source's order.

        Raises:
            ConversionError: the runtime refused the input or failed.
        """

    def close(self) -> None:
        """Give back the memory; the predictor cannot be used afterwards."""


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether no output holds NaN or infinity (integers never do)."""
    return all(
        bool(np.isfinite(tensor).all()) for tensor in tensors.values() if np.issubdtype(tensor.dtype, np.floating)
    )
