"""Text recognition by CTC: the best class of each step, repeats merged, blanks dropped (Graves et al., 2006)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import Verdict, different, within


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The text, with the mean probability of its characters."""
    del sample
    indices, probabilities = _best(outputs[task["output"]])
    kept = (indices != task["blank"]) & np.diff(indices, prepend=-1).astype(np.bool_)
    characters = [labels[index] if index < len(labels) else str(index) for index in indices[kept].tolist()]
    score = float(probabilities[kept].mean()) if kept.any() else 0.0
    return {"kind": "text", "text": ("" if labels else " ").join(characters), "score": round(score, 6)}


def _best(tensor: Array) -> tuple[Array, Array]:
    """Best class and its probability at each step."""
    if np.issubdtype(tensor.dtype, np.integer):
        return tensor.ravel().astype(np.int64), np.ones(tensor.size)
    rows = (tensor[:, 0] if tensor.shape[1] == 1 else tensor[0]).astype(np.float64)
    indices, best = rows.argmax(axis=1), rows.max(axis=1)
    if rows.min() >= 0.0 and abs(rows[0].sum() - 1.0) < 1e-2:
        return indices, best
    return indices, 1 / np.exp(rows - best[:, None]).sum(axis=1)


def words(found: Mapping[str, Any]) -> list[str]:
    """The text."""
    return [f"{found['text']}  {found['score']:.1%}" if found["text"] else "no text"]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The same text."""
    if expected["text"] != found["text"]:
        return different(f'"{found["text"]}" instead of "{expected["text"]}"')
    return within(abs(expected["score"] - found["score"]))


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """The text below the picture."""
    return drawing.with_caption(drawing.canvas(picture)[0], words(found))
