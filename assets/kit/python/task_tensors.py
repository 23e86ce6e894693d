"""Any other model: its outputs as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import SAME, Verdict, different, within

_TOLD = 16
_SAME_SHARE, _CLOSE_SHARE = 1e-3, 0.05
"""Difference of the numbers, as a share of the largest."""


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """Of each output its shape, lowest, highest and mean value, and its first numbers."""
    del sample, task, labels
    return {"kind": "tensors", "outputs": [_told(name, tensor) for name, tensor in outputs.items()]}


def _told(name: str, tensor: Array) -> dict[str, Any]:
    values = np.nan_to_num(tensor.astype(np.float64).ravel(), posinf=0.0, neginf=0.0)
    return {
        "name": name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.name,
        "low": float(values.min(initial=np.inf)) if values.size else 0.0,
        "high": float(values.max(initial=-np.inf)) if values.size else 0.0,
        "mean": float(values.mean()) if values.size else 0.0,
        "first": [float(f"{value:.7g}") for value in values[:_TOLD]],
    }


def words(found: Mapping[str, Any]) -> list[str]:
    """One line for each output."""
    return [
        f"{one['name']} {'x'.join(map(str, one['shape']))}: {one['low']:.4g} to {one['high']:.4g}, "
        f"mean {one['mean']:.4g}, first {', '.join(f'{value:.4g}' for value in one['first'][:6])}"
        for one in found["outputs"]
    ]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The numbers of each output, in relation to its largest one."""
    worst = 0.0
    for before, after in zip(expected["outputs"], found["outputs"], strict=True):
        if before["shape"] != after["shape"]:
            return different(f"{before['name']} has the shape {after['shape']} instead of {before['shape']}")
        numbers = [(one["low"], one["high"], one["mean"], *one["first"]) for one in (before, after)]
        size = max(abs(before["low"]), abs(before["high"]), 1e-9)
        worst = max(worst, float(np.abs(np.subtract(*numbers)).max()) / size)
    if worst <= _SAME_SHARE:
        return SAME
    return within(worst) if worst <= _CLOSE_SHARE else different(f"numbers differ by up to {worst:.1%} of the largest")


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """The figures below the picture."""
    return drawing.with_caption(drawing.canvas(picture)[0], words(found))
