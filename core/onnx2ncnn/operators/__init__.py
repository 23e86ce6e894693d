"""The operators, by family: each module registers its own when it is imported."""

from __future__ import annotations

from collections.abc import Mapping

from core.onnx2ncnn.node import OPERATORS, Operator
from core.onnx2ncnn.operators import (  # noqa: F401
    activations,
    convolutions,
    elementwise,
    lookups,
    matrices,
    movements,
    normalizations,
    poolings,
    recurrent,
    reductions,
    resizing,
)


def operators() -> Mapping[str, Operator]:
    """ONNX operator -> its conversion."""
    return OPERATORS
