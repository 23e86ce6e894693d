"""PP-YOLOE and PicoDet of PaddleDetection, exported without suppression."""

from __future__ import annotations

from boxes import Found, Outputs, Settings, best_of_scores, first_image


def decode(outputs: Outputs, _size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of the input."""
    kept, scores, classes = best_of_scores(first_image(outputs[head["scores"]]).T, least)
    return Found(first_image(outputs[head["boxes"]])[kept], scores, classes)
