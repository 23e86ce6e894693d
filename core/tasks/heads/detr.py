"""DETR and its relatives: a score for each class and a box for each of some hundred queries, without suppression.

Logits of shape (1, queries, classes) and boxes (1, queries, 4), cx, cy, w, h as shares of the input. DETR has one
class more, "no object", as the last one, and takes the softmax; Conditional and Deformable DETR, RT-DETR, D-FINE and
RF-DETR take the sigmoid. Ultralytics' RT-DETR up to 8.3 has both in one output (1, queries, 4 + classes), after the
sigmoid. Masks of shape (1, queries, height, width), before the sigmoid, are read where there are any (RF-DETR, DETR's
panoptic head).

The models' own code takes the best pairs of query and class; here a query counts once, with its best class. Sources:
facebookresearch/detr's models/detr.py, lyuwenyu/RT-DETR's rtdetr_postprocessor.py, ultralytics/nn/modules/head.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import sigmoid, softmax
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners, to_pixels
from core.tasks.heads.output_checks import (
    are_centres,
    are_corners,
    are_distributions,
    are_scores,
    first_image,
    fits_grids,
    names_of_rank,
    samples,
)
from core.tasks.heads.ultralytics import has_rtdetr_decoder

Activation: TypeAlias = Literal["sigmoid", "softmax", "none"]

_MOST_QUERIES = 1000
_USUAL_QUERIES = (100, 300, 900)
_COCO_WITH_NO_OBJECT = 92
_SCORE_WORDS = ("logit", "score", "label", "class", "cls", "prob")


@dataclass(frozen=True)
class Detr:
    """Queries with class scores and a box."""

    scores: str
    boxes: str
    class_count: int
    name: str = "RT-DETR"
    activation: Activation = "sigmoid"
    no_object: bool = False
    """Whether there is one more class, the last one, for no object."""

    masks: str = ""
    """The output of masks; empty where there are none."""

    nms_iou: float | None = None
    default_score: float = 0.5

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        # In one output the scores follow the box.
        start = 4 if self.scores == self.boxes else 0
        scores = _activated(first_image(outputs[self.scores])[:, start:], self.activation)
        scores = scores[:, : self.class_count]
        best = scores.max(axis=1)
        kept = np.flatnonzero(best >= least)
        boxes = to_pixels(first_image(outputs[self.boxes])[kept, :4], input_size)
        return Candidates(
            to_corners(boxes),
            best[kept],
            scores[kept].argmax(axis=1).astype(np.int64),
            mask_logits=first_image(outputs[self.masks])[kept] if self.masks else None,
        )


def recognize(evidence: Evidence) -> Detr | None:
    """By boxes that are centres and sizes in shares of the input, as many as there are rows of class scores."""
    if evidence.input_size is None:
        return None
    names = names_of_rank(evidence, 3)
    if len(names) == 1 and len(evidence.outputs[0]) == 1:
        return _of_one_output(evidence, names[0])
    found = _outputs(evidence, names)
    if found is None:
        return None
    scores, boxes = found
    return _of_two_outputs(evidence, scores, boxes, evidence.input_size)


def _of_two_outputs(evidence: Evidence, scores: str, boxes: str, input_size: tuple[int, int]) -> Detr | None:
    values = np.concatenate(samples(evidence, scores))
    activation = _activation(evidence, values)
    # Scores after the sigmoid for all cells of a grid are a YOLO's.
    if activation == "none" and fits_grids(evidence.outputs[0][boxes].shape[1], input_size):
        return None
    summing = activation == "none" and are_distributions(values)
    no_object = activation == "softmax" or (summing and values.shape[1] > 1)
    classes = values.shape[1] - int(no_object)
    name, score = ("DETR", 0.7) if no_object else ("RT-DETR", 0.5)
    return Detr(scores, boxes, classes, name, activation, no_object, _masks(evidence, boxes), default_score=score)


def _of_one_output(evidence: Evidence, name: str) -> Detr | None:
    """Ultralytics' RT-DETR: boxes and scores of a few hundred queries, all of them shares."""
    rows = np.concatenate(samples(evidence, name))
    queries = evidence.outputs[0][name].shape[1]
    if rows.shape[1] < 5 or queries > _MOST_QUERIES or not are_scores(rows) or not _are_boxes(rows[:, :4]):
        return None
    known = len(evidence.class_names) == rows.shape[1] - 4 or has_rtdetr_decoder(evidence)
    if not known and (queries not in _USUAL_QUERIES or are_distributions(rows)):
        return None
    return Detr(name, name, rows.shape[1] - 4, activation="none", default_score=0.25)


def _outputs(evidence: Evidence, names: list[str]) -> tuple[str, str] | None:
    """Which outputs hold scores and boxes; further ones, such as hidden states, are left aside."""
    shapes = {name: evidence.outputs[0][name].shape for name in names}
    boxes = [name for name in names if shapes[name][2] == 4 and _are_boxes(np.concatenate(samples(evidence, name)))]
    if len(boxes) > 1:
        boxes = [name for name in boxes if "box" in name.lower()]
    if len(boxes) != 1 or shapes[boxes[0]][1] > _MOST_QUERIES:
        return None
    scores = [name for name in names if name != boxes[0] and shapes[name][1] == shapes[boxes[0]][1]]
    if len(scores) > 1:
        scores = [name for name in scores if any(word in name.lower() for word in _SCORE_WORDS)]
    return (scores[0], boxes[0]) if len(scores) == 1 else None


def _are_boxes(boxes: NDArray[np.float32]) -> bool:
    return are_scores(boxes) and are_centres(boxes, (1, 1)) and not are_corners(boxes)


def _activation(evidence: Evidence, values: NDArray[np.float32]) -> Activation:
    """The softmax where one class is "no object": by the number of names, else because most queries find nothing."""
    if are_scores(values):
        return "none"
    classes, names = values.shape[1], len(evidence.class_names)
    if names in (classes, classes - 1):
        return "sigmoid" if names == classes else "softmax"
    nothing = float((values.argmax(axis=1) == classes - 1).mean()) > 0.5
    return "softmax" if classes == _COCO_WITH_NO_OBJECT or (classes > 1 and nothing) else "sigmoid"


def _masks(evidence: Evidence, boxes: str) -> str:
    queries = evidence.outputs[0][boxes].shape[1]
    maps = [name for name in names_of_rank(evidence, 4) if evidence.outputs[0][name].shape[1] == queries]
    return maps[0] if len(maps) == 1 else ""


def _activated(values: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    if activation == "none":
        return values
    return sigmoid(values) if activation == "sigmoid" else softmax(values)
