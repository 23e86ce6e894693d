"""Whether a model's answers outlast rounding: those of an untrained detector change with the last digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import AnyTask

_ROUNDING = 1e-5
"""Relative error of an output by the rounding of 32-bit sums, about: another runtime or another processor has it."""


def outlasts_rounding(task: AnyTask, outputs: Sequence[Mapping[str, Tensor]], placement: Placement) -> bool:
    """Whether the answers stay the same where the outputs change by as much as rounding may change them.

    Args:
        task: decodes the outputs.
        outputs: of the source, for a few samples.
        placement: of the samples in the input.
    """
    agreement = task.agreement()
    random = np.random.default_rng(0)
    for sample in outputs:
        changed = {name: _rounded(tensor, random) for name, tensor in sample.items()}
        agreement.update(task.decode(sample, placement), task.decode(changed, placement))
    found = agreement.compute()
    return found is None or found.high >= task.budget.keeps


def _rounded(tensor: Tensor, random: np.random.Generator) -> Tensor:
    """Whole numbers stay: they are classes, or places in a list."""
    if not np.issubdtype(tensor.dtype, np.floating):
        return tensor
    changed = (tensor * (1 + _ROUNDING * random.standard_normal(tensor.shape))).astype(tensor.dtype)
    return np.where(tensor == np.rint(tensor), tensor, changed)
