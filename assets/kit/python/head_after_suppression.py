"""Detectors that have suppressed already: boxes, scores and classes in outputs of their own."""

from __future__ import annotations

import numpy as np

from boxes import Array, Found, Outputs, Settings, to_pixels

_HALF = 0.5


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    roles = head["roles"]
    boxes = _first(outputs[roles["boxes"]], 2)
    labels = _first(outputs[roles["labels"]], 1) if roles["labels"] else np.zeros(len(boxes), np.float32)
    scores = _first(outputs[roles["scores"]], 1) if roles["scores"] else boxes[:, 4]
    count = int(outputs[roles["count"]].flat[0]) if roles["count"] else len(boxes)
    boxes, scores, labels = boxes[:count, :4], scores[:count], labels[:count]
    classes = np.rint(labels).astype(np.int64) - head["first_class"]
    kept = np.flatnonzero((scores >= least) & (classes >= 0))
    boxes = boxes[kept][:, [1, 0, 3, 2]] if head["y_first"] else boxes[kept]
    masks = _of_objects(outputs, roles["masks"], kept)
    return Found(
        to_pixels(boxes, size) if head["shares"] else boxes,
        scores[kept],
        classes[kept],
        points=_of_objects(outputs, roles["keypoints"], kept),
        # Probabilities: those above a half are above 0 then, as logits are.
        mask_logits=None if masks is None else masks - np.float32(_HALF),
    )


def _of_objects(outputs: Outputs, name: str, kept: Array) -> Array | None:
    """Masks or points of these objects, shape (n, ., .)."""
    if not name:
        return None
    values = outputs[name]
    return np.asarray(values.reshape(-1, *values.shape[-2:])[kept], np.float32)


def _first(tensor: Array, axes: int) -> Array:
    """The part of the first picture, of so many axes."""
    while tensor.ndim > axes + 1 and tensor.shape[-1] == 1:
        tensor = tensor[..., 0]
    return np.asarray(tensor[0] if tensor.ndim > axes else tensor, np.float32)
