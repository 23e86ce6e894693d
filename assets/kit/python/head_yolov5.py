"""YOLOs with an objectness and decoded boxes: YOLOv3, YOLOv5, YOLOv6, YOLOv7, YOLOX."""

from __future__ import annotations

from boxes import Found, Outputs, Settings, best_of_scores, extra_fields, first_image, to_corners, to_pixels


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    rows = first_image(outputs[head["output"]])
    rows = rows[rows[:, 4] >= least]  # no class can have a higher score than that
    end = 5 + head["class_count"]
    kept, scores, classes = best_of_scores(rows[:, 4:5] * rows[:, 5:end], least)
    boxes = to_pixels(rows[kept, :4], size) if head["shares"] else rows[kept, :4]
    return Found(to_corners(boxes), scores, classes, **extra_fields(head["extras"], rows[kept, end:], outputs))
