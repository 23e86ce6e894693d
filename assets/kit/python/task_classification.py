"""Classification: one score for each class, of which the best is the answer, or all above a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import Verdict, different, within

_SUM_TOLERANCE = 1e-2


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The best class with its probability, the next ones, and for multi-label models all that are present."""
    del sample
    tensor = outputs[task["output"]]
    scores = tensor[0].ravel() if tensor.ndim > 1 else tensor
    ranking = np.argsort(-scores, kind="stable")[: task["top"]].tolist()
    named = [{"class": index, "label": labels[index] if index < len(labels) else str(index)} for index in ranking]
    is_multi = task["multi_label"]
    best = float(scores[ranking[0]] if is_multi else _probabilities(scores)[ranking[0]])
    found = {"kind": "classes", "best": {**named[0], "score": round(best, 6)}, "next": named[1:]}
    if is_multi:
        present = np.flatnonzero(scores >= task["score"]).tolist()
        found["present"] = [
            {"class": index, "label": labels[index] if index < len(labels) else str(index)} for index in present
        ]
    return found


def _probabilities(scores: Array) -> Array:
    """Softmax; scores that sum to 1 are probabilities already."""
    scores = scores.astype(np.float64).ravel()
    if scores.min() >= 0.0 and abs(scores.sum() - 1.0) < _SUM_TOLERANCE:
        return scores
    exponentials = np.exp(scores - scores.max())
    return np.asarray(exponentials / exponentials.sum())


def words(found: Mapping[str, Any]) -> list[str]:
    """The answer for people."""
    lines = [f"{found['best']['label']}  {found['best']['score']:.1%}"]
    if "present" in found:
        lines.append(f"present: {', '.join(one['label'] for one in found['present']) or 'none of the classes'}")
    if found["next"]:
        lines.append(f"then: {', '.join(one['label'] for one in found['next'])}")
    return lines


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The same best class, and the same ones present."""
    before, after = expected["best"], found["best"]
    if before["class"] != after["class"]:
        return different(f"{after['label']} instead of {before['label']}")
    if expected.get("present") != found.get("present"):
        return different("other classes are present")
    return within(abs(before["score"] - after["score"]))


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """The answer below the picture."""
    return drawing.with_caption(drawing.canvas(picture)[0], words(found))
