"""onnxruntime with the weights in a file that it maps, for large models which are made only to be run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import onnx

from core.onnx_model.external_data import save_with_values_beside
from core.runtimes.onnx import OnnxPredictor


class MappedPredictor(OnnxPredictor):
    """A model run from a temporary file, which takes a third of the memory.

    Args:
        model: it is emptied of its weights.
        threads: threads for one run; 0 lets onnxruntime use every core.
        low_memory: as for :class:`OnnxPredictor`.

    Raises:
        ConversionError: onnxruntime does not load it.
        RunLimitError: loading takes too much time or memory.
        OSError: the disk is full.
    """

    def __init__(self, model: onnx.ModelProto, *, threads: int = 0, low_memory: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / "model.onnx"
        save_with_values_beside(model, path)
        super().__init__(path, threads=threads, low_memory=low_memory)
        if sys.platform != "win32":  # there, a file that is mapped cannot be removed
            self._folder.cleanup()

    def close(self) -> None:
        """Release the memory, and remove the file."""
        super().close()
        self._folder.cleanup()
