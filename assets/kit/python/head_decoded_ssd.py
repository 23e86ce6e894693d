"""SSDs with decoded boxes, suppression outside: pytorch-ssd, UltraFace."""

from __future__ import annotations

from boxes import Found, Outputs, Settings, best_of_scores, first_image, to_pixels


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = best_of_scores(first_image(outputs[head["scores"]])[:, 1:], least)
    boxes = to_pixels(first_image(outputs[head["boxes"]])[kept], size)
    return Found(boxes, scores, classes + head["first_class"])
