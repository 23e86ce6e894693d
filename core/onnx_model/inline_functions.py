"""Inline model-local functions, which PyTorch's dynamo exporter writes for modules."""

from __future__ import annotations

import onnx
from onnx import inliner


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without functions, since quantisers and pnnx do not look into them.

    Returns:
        The model itself where it has none, or where onnx cannot inline them.
    """
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError):  # onnxruntime reports what is wrong with them
        return model
