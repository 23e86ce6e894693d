"""YOLOv8, YOLOv9, YOLO11, YOLO12 and YOLO26 with suppression outside: boxes, masks, keypoints, angles."""

from __future__ import annotations

from boxes import (
    Found,
    Outputs,
    Settings,
    best_of_scores,
    extra_fields,
    extras_to_pixels,
    first_image,
    to_corners,
    to_pixels,
)


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    rows = first_image(outputs[head["output"]])
    rows = rows if head["boxes_first"] else rows.T
    end = 4 + head["class_count"]
    kept, scores, classes = best_of_scores(rows[:, 4:end], least)
    boxes, values = rows[kept, :4], rows[kept, end:]
    if head["shares"]:
        boxes, values = to_pixels(boxes, size), extras_to_pixels(head["extras"], values, size)
    return Found(to_corners(boxes), scores, classes, **extra_fields(head["extras"], values, outputs))
