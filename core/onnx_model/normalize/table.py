"""The rewrites, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import onnx

from core.common.text import Text, say
from core.onnx_model.normalize.float32 import lower_double, raise_half
from core.onnx_model.normalize.fused import unfuse
from core.onnx_model.normalize.gemm import plain_gemm
from core.onnx_model.normalize.node_names import make_node_names_unique
from core.onnx_model.normalize.resize import later_resize

Apply: TypeAlias = Callable[[onnx.ModelProto], bool]
"""Changes the model in place; returns whether it changed anything."""

_SAME = 0.99999
"""Cosine from which on outputs count as equal: reordered sums differ in the last bits only."""


@dataclass(frozen=True)
class Rewrite:
    """One rewrite."""

    apply: Apply
    note: Text | None = None
    """What to tell about it."""

    least: float = _SAME
    """Least cosine of every output with the source's."""


REWRITES: tuple[Rewrite, ...] = (
    Rewrite(make_node_names_unique),
    Rewrite(unfuse),
    Rewrite(
        lower_double,
        say("The 64 bit numbers of the model were turned into 32 bit first."),
    ),
    Rewrite(
        raise_half,
        say("The 16 bit weights of the model were raised to 32 bit first."),
        least=0.999,  # of the source, each step is rounded to 16 bit
    ),
    Rewrite(later_resize),
    Rewrite(plain_gemm),
)
"""Each gives plain ONNX in 32 bit. Branches come between, see :mod:`core.onnx_model.normalize.branches`."""
