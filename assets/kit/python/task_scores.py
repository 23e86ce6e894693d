"""Scores: probabilities of something being there, each above or below a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import CLOSE_SCORE, Verdict, different, within

_TOLD = 16


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """All scores in one row, and the threshold from which they say yes."""
    del sample, labels
    scores = np.concatenate([outputs[name].ravel() for name in task["outputs"]]).astype(np.float64)
    return {"kind": "scores", "threshold": task["score"], "scores": np.round(scores, 6).tolist()}


def words(found: Mapping[str, Any]) -> list[str]:
    """How many say yes, and the first ones."""
    scores, threshold = found["scores"], found["threshold"]
    first = ", ".join(f"{score:.3f}" for score in scores[:_TOLD])
    more = ", ..." if len(scores) > _TOLD else ""
    return [f"{sum(score >= threshold for score in scores)} of {len(scores)} from {threshold} on: {first}{more}"]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The same decisions, but for scores near the threshold."""
    before, after = np.array(expected["scores"]), np.array(found["scores"])
    if before.shape != after.shape:
        return different(f"{len(after)} scores instead of {len(before)}")
    differences, threshold = np.abs(before - after), expected["threshold"]
    changed = ((before >= threshold) != (after >= threshold)) & (differences > CLOSE_SCORE)
    if changed.any():
        return different(f"{int(changed.sum())} of {len(before)} decisions are others")
    return within(float(differences.max(initial=0.0)))


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """The scores below the picture."""
    return drawing.with_caption(drawing.canvas(picture)[0], words(found))
