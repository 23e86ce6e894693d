"""Functions that a model brings along, as PyTorch's newer exporter writes them: put in the place of their calls."""

from __future__ import annotations

import onnx
from onnx import inliner


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in plain operators: quantisers and pnnx look into no function.

    Returns:
        The model itself where it has none, or where onnx cannot resolve them.
    """
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError):  # the runtime will say what is wrong with them
        return model
