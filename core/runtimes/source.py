"""Load a source in onnxruntime, repaired where it loads no other way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from core.common.errors import ConversionError, SourceError
from core.onnx_model.external_data import load_embedded
from core.onnx_model.normalize.float32 import lower_double, raise_half
from core.onnx_model.normalize.node_names import make_node_names_unique
from core.runtimes.onnx import OnnxPredictor

_REPAIRS = (make_node_names_unique, lower_double, raise_half)
"""onnxruntime loads no two nodes of one name, and has few operators for 64-bit floats and bfloat16."""


def open_source(path: Path, *, threads: int = 0) -> OnnxPredictor:
    """The model with which everything is compared: the file itself, or a copy that loads and computes the same.

    Args:
        path: the ONNX file, which is only read.
        threads: threads for one run; 0 lets onnxruntime use every core.

    Raises:
        ConversionError: onnxruntime does not load it either way.
    """
    try:
        return OnnxPredictor(path, threads=threads)
    except ConversionError as error:
        for model in _repaired(path):
            try:
                return OnnxPredictor(model, threads=threads)
            except ConversionError:
                continue
        raise error


def _repaired(path: Path) -> Iterator[onnx.ModelProto]:
    """The model after each repair that changes it."""
    try:
        model = load_embedded(path)
    except (OSError, ValueError, DecodeError, SourceError):
        return
    for repair in _REPAIRS:
        if repair(model):
            yield model
