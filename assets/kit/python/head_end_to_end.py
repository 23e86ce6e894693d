"""Detectors with one row for each object, suppression or its like inside: YOLOv10, YOLO26, PaddleDetection."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, extra_fields, extras_to_pixels, first_image, to_corners, to_pixels


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    columns, tensor = head["columns"], outputs[head["output"]]
    rows = first_image(tensor) if tensor.ndim == 3 else np.asarray(tensor, np.float32)
    kept = rows[:, columns["score"]] >= least
    if columns["image"] is not None:
        kept &= rows[:, columns["image"]] == 0
    rows = rows[kept]
    boxes, values = rows[:, columns["box"] : columns["box"] + 4], rows[:, columns["end"] :]
    if head["shares"]:
        boxes, values = to_pixels(boxes, size), extras_to_pixels(head["extras"], values, size)
    return Found(
        boxes if head["corners"] else to_corners(boxes),
        rows[:, columns["score"]],
        np.rint(rows[:, columns["label"]]).astype(np.int64),
        **extra_fields(head["extras"], values, outputs),
    )
