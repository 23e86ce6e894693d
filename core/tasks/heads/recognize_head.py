"""Find the head of a detector by its outputs."""

from __future__ import annotations

from collections.abc import Callable

from core.tasks.base import Evidence
from core.tasks.heads import (
    after_suppression,
    boxes_and_scores,
    detr,
    end_to_end,
    yolo_grids,
    yolov5,
    yolov8,
)
from core.tasks.heads.anchor_based import decoded_ssd, retinanet, ssd, yolov2
from core.tasks.heads.anchor_free import centernet, distributions, fastestdet, point_distances, pp_yoloe, yolox
from core.tasks.heads.base import Head
from core.tasks.heads.faces import blazeface, centerface, retinaface, scrfd, yunet

_RECOGNIZERS: tuple[Callable[[Evidence], Head | None], ...] = (
    after_suppression.recognize,
    # Several outputs whose numbers of values and cells fit one family only.
    scrfd.recognize,
    yunet.recognize,
    retinaface.recognize,
    blazeface.recognize,
    centerface.recognize,
    decoded_ssd.recognize,
    ssd.recognize,
    retinanet.recognize,
    distributions.recognize,
    pp_yoloe.recognize,
    yolox.recognize,
    point_distances.recognize,
    centernet.recognize,
    fastestdet.recognize,
    end_to_end.recognize,
    detr.recognize,
    boxes_and_scores.recognize,
    yolov5.recognize,
    yolov8.recognize,
    yolo_grids.recognize,
    yolov2.recognize,
)
"""One for each family, the ones that are hardest to mistake first."""


def recognize_head(evidence: Evidence) -> Head | None:
    """The first family whose outputs look like these; None if it is no detector that is known."""
    return next((head for recognize in _RECOGNIZERS if (head := recognize(evidence)) is not None), None)
