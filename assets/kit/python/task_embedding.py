"""Embedding: a vector of length 1; the larger the cosine of two of them, the more alike are the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import SAME, Verdict, different, within

_SAME_COSINE, _CLOSE_COSINE = 0.999999, 0.99


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The vector, or the mean of one vector for each token."""
    del sample, labels
    rows = outputs[task["output"]][0].astype(np.float64)
    vector = rows.reshape(-1, rows.shape[-1]).mean(axis=0) if rows.shape[-1] > 1 else rows.ravel()
    length = float(np.linalg.norm(vector))
    return {"kind": "vector", "vector": np.round(vector / length if length else vector, 7).tolist()}


def words(found: Mapping[str, Any]) -> list[str]:
    """The beginning of the vector."""
    first = ", ".join(f"{value:.3f}" for value in found["vector"][:8])
    return [f"a vector of {len(found['vector'])} numbers: {first}, ..."]


def together(all_found: Sequence[Mapping[str, Any]]) -> list[str]:
    """How alike several samples are: the cosine of each pair."""
    vectors = np.array([found["vector"] for found in all_found])
    cosines = vectors @ vectors.T
    return [
        f"{one + 1} and {other + 1}: cosine {cosines[one, other]:.4f}"
        for one in range(len(vectors))
        for other in range(one + 1, len(vectors))
    ]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The cosine of the two vectors."""
    before, after = np.array(expected["vector"]), np.array(found["vector"])
    if before.shape != after.shape:
        return different(f"a vector of {len(after)} numbers instead of {len(before)}")
    cosine = float(before @ after) if before.any() else 1.0
    if cosine >= _SAME_COSINE:
        return SAME
    return within(1 - cosine) if cosine >= _CLOSE_COSINE else different(f"the cosine of the vectors is {cosine:.4f}")


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """There is nothing to draw but the beginning of the vector."""
    return drawing.with_caption(drawing.canvas(picture)[0], words(found))
