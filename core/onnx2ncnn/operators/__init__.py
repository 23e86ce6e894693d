"""The operators, by family."""

from __future__ import annotations

from collections.abc import Mapping

from core.onnx2ncnn.node import OPERATORS, Operator
from core.onnx2ncnn.operators import (
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

FAMILIES = (
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
"""The modules, each of which registers its operators when it is imported."""


def operators() -> Mapping[str, Operator]:
    """ONNX operator -> its conversion."""
    return OPERATORS
