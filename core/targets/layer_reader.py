"""The interface to the tensors inside a finished file, by their names in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from core.job.comparison import LayerPrecision
from core.onnx_model.weighted_layers import WeightedLayer
from core.runtimes.predictor import Feeds, Tensor


class TensorRun(Protocol):
    """A loaded file that gives some of its tensors."""

    def run(self, feeds: Feeds) -> Iterator[tuple[str, Tensor]]:
        """Run one inference.

        Args:
            feeds: one tensor for each input of the source.

        Yields:
            Name in the source and values, with or without a batch axis, valid until the next is requested.

        Raises:
            ConversionError: the runtime refused the input or failed.
        """

    def close(self) -> None:
        """Release the memory."""


class LayerReader(Protocol):
    """One file, in which the tensors of the clean source are found again."""

    def has(self, tensor: str) -> bool:
        """Whether the file computes this tensor of the source."""

    def precision(self, layer: WeightedLayer, tensor: str) -> LayerPrecision:
        """How the weights of a layer are stored, or in which precision it computes.

        Args:
            layer: of the source.
            tensor: one of the layer's that the file has.
        """

    def open(self, tensors: Sequence[str]) -> TensorRun:
        """Load the file with one thread, so that it gives these tensors; it must have all of them.

        Raises:
            ConversionError: the runtime does not load it.
        """
