"""A model in a file of the work folder, read again where it is needed, so that it takes no memory meanwhile."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import onnx

from core.onnx_model.external_data import load_embedded, save_with_values_beside
from core.onnx_model.graph import copy_model
from core.onnx_model.serialize import MAX_BYTES, byte_size, serialize

_LARGE_BYTES = 10_000_000
"""Size from which a model's values are worth a file of their own."""


@dataclass(frozen=True)
class StoredModel:
    """A model that several steps start from."""

    path: Path
    size_bytes: int
    """With all its weights."""

    @classmethod
    def of(cls, model: onnx.ModelProto, folder: Path) -> StoredModel:
        """Write it.

        Args:
            model: with all its weights.
            folder: is made where it does not exist; the file in it is deleted with it.

        Raises:
            ConversionError: it is larger than an ONNX file can be.
            OSError: the disk is full.
        """
        folder.mkdir(parents=True, exist_ok=True)
        size = byte_size(model)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".onnx", delete=False) as file:
            path = Path(file.name)
        if _LARGE_BYTES < size <= MAX_BYTES:
            save_with_values_beside(copy_model(model), path)
        else:
            path.write_bytes(serialize(model))
        return cls(path, size)

    def read(self) -> onnx.ModelProto:
        """A copy of its own, which may be changed."""
        return load_embedded(self.path)


class ReadOnAccess(Sequence[onnx.ModelProto]):
    """Models of which only those are in memory that somebody holds: each access reads its model anew.

    Args:
        models: in files.
        change: what becomes of each one after it was read.
    """

    def __init__(self, models: Sequence[StoredModel], change: Callable[[onnx.ModelProto], onnx.ModelProto]) -> None:
        self._models = models
        self._change = change

    @overload
    def __getitem__(self, index: int) -> onnx.ModelProto: ...

    @overload
    def __getitem__(self, index: slice) -> ReadOnAccess: ...

    def __getitem__(self, index: int | slice) -> onnx.ModelProto | ReadOnAccess:
        """Read one, or take some of them."""
        if isinstance(index, slice):
            return ReadOnAccess(self._models[index], self._change)
        return self._change(self._models[index].read())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._models)
