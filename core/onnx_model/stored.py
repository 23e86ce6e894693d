"""A model in a file of the work folder, read again where it is needed, so that it takes no memory meanwhile."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx

from core.onnx_model.serialize import serialize


@dataclass(frozen=True)
class StoredModel:
    """A model that several steps start from."""

    path: Path

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
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".onnx", delete=False) as file:
            file.write(serialize(model))
        return cls(Path(file.name))

    def read(self) -> onnx.ModelProto:
        """A copy of its own, which may be changed."""
        return onnx.load(str(self.path), load_external_data=False)
