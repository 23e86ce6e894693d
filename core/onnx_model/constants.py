"""The constants of a model as arrays, each made when it is asked for: a copy of them all would be one of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


class Constants(Mapping[str, NDArray[Any]]):
    """Name of an initializer -> its values.

    Args:
        model: of which the main graph is read; it should not change.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Raises KeyError for what is no initializer."""
        values: NDArray[Any] = numpy_helper.to_array(self._tensors[name])
        return values

    def __contains__(self, name: object) -> bool:
        """Without reading the values."""
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._tensors)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tensors)
