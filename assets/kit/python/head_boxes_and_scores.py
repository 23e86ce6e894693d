"""YOLOs that write boxes and scores into two outputs: YOLOv4 (pytorch-YOLOv4), YOLO-NAS, YOLOv6."""

from __future__ import annotations

from boxes import Found, Outputs, Settings, best_of_scores, first_image, to_corners, to_pixels


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = best_of_scores(first_image(outputs[head["scores"]]), least)
    boxes = first_image(outputs[head["boxes"]]).reshape(-1, 4)[kept]
    boxes = to_pixels(boxes, size) if head["shares"] else boxes
    return Found(boxes if head["corners"] else to_corners(boxes), scores, classes)
