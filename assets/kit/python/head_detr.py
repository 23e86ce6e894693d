"""DETR, RT-DETR and relatives: a score for each class and a box for each query, without suppression."""

from __future__ import annotations

from boxes import (
    Array,
    Found,
    Outputs,
    Settings,
    best_of_scores,
    first_image,
    sigmoid,
    softmax,
    to_corners,
    to_pixels,
)


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    # In one output the scores follow the box.
    start = 4 if head["scores"] == head["boxes"] else 0
    scores = _activated(first_image(outputs[head["scores"]])[:, start:], head["activation"])
    kept, best, classes = best_of_scores(scores[:, : head["class_count"]], least)
    boxes = to_pixels(first_image(outputs[head["boxes"]])[kept, :4], size)
    masks = first_image(outputs[head["masks"]])[kept] if head["masks"] else None
    return Found(to_corners(boxes), best, classes, mask_logits=masks)


def _activated(values: Array, activation: str) -> Array:
    if activation == "none":
        return values
    return sigmoid(values) if activation == "sigmoid" else softmax(values)
