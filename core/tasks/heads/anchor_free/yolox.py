"""YOLOX whose graph stops before its boxes are decoded, from Megvii's own code, and from MMDetection.

Megvii: (1, n, 5 + classes) for the strides 8, 16 and 32 one after another, or (1, 5 + classes, h, w) for each: x, y, w,
h, and after the sigmoid objectness and class scores (yolox/models/yolo_head.py with ``decode_in_inference`` off).
MMDetection: for each stride class logits (1, classes, h, w), boxes (1, 4, h, w) and objectness (1, 1, h, w)
(mmdet/models/dense_heads/yolox_head.py). In both, centre = (cell + xy) x stride and size = exp(wh) x stride.
Exports with decoded boxes are read by :mod:`core.tasks.heads.yolov5`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores, sigmoid
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import fitting_strides, from_centres, points, pyramid, rows
from core.tasks.heads.output_checks import are_distributions, are_scores, follow_cells

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_LARGEST_SHIFT = 8
"""Of the median centre, in cells."""


@dataclass(frozen=True)
class YoloX:
    """One box for each cell, its parts in one output or in three kinds of outputs."""

    strides: tuple[int, ...]
    class_count: int
    merged: tuple[str, ...] = ()
    """Outputs that hold the boxes, objectness and classes."""

    separate: tuple[tuple[str, ...], ...] = ()
    """Instead: outputs with the boxes, with the objectness and with the classes."""

    activated: bool = True
    """Whether objectness and scores are after the sigmoid."""

    name: str = "YOLOX"
    nms_iou: float | None = 0.65
    default_score: float = 0.3

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        boxes, objectness, classes = self._parts(outputs)
        objectness = objectness if self.activated else sigmoid(objectness)
        near = np.flatnonzero(objectness[:, 0] >= least)
        shares = classes[near] if self.activated else sigmoid(classes[near])
        kept, scores, labels = best_of_scores(shares * objectness[near], least)
        kept = near[kept]
        places, strides = points(input_size, self.strides, offset=0)
        return Candidates(from_centres(places[kept], strides[kept], boxes[kept]), scores, labels)

    def _parts(self, outputs: Mapping[str, Tensor]) -> tuple[NDArray[np.float32], ...]:
        """Boxes, objectness and classes, one row for each cell."""
        if self.separate:
            columns = (4, 1, self.class_count)
            return tuple(rows(outputs, names, width) for names, width in zip(self.separate, columns, strict=True))
        values = rows(outputs, self.merged, 5 + self.class_count)
        return values[:, :4], values[:, 4:5], values[:, 5:]


def recognize(evidence: Evidence) -> YoloX | None:
    """By the number of cells, and by centres that stay near zero instead of following the cells."""
    if evidence.input_size is None:
        return None
    outputs, size = evidence.outputs[0], evidence.input_size
    if len(outputs) == 1:
        ((name, tensor),) = outputs.items()
        strides = fitting_strides(tensor, size, _STRIDES)
        return _merged(evidence, (name,), strides, tensor.shape[2]) if strides else None
    found = pyramid(outputs, size)
    if found is None or found.strides not in _STRIDES:
        return None
    if len(found.channels) == 1:
        return _merged(evidence, found.groups[0], found.strides, found.channels[0])
    return _separate(evidence, found.groups, found.strides, found.channels)


def _merged(evidence: Evidence, names: tuple[str, ...], strides: tuple[int, ...], columns: int) -> YoloX | None:
    all_values = [rows(outputs, names, columns) for outputs in evidence.outputs]
    values = np.concatenate(all_values)
    if columns < 6 or not are_scores(values[:, 4:]) or are_distributions(values):
        return None
    if not _are_raw_boxes(evidence, all_values):
        return None
    return YoloX(strides, columns - 5, merged=names, nms_iou=0.45)


def _are_raw_boxes(evidence: Evidence, all_values: list[NDArray[np.float32]]) -> bool:
    """Whether the first four columns can be shifts of a few cells, unlike the cells' places, and logarithms."""
    values = np.concatenate(all_values)[:, :4]
    centres = np.mean([each[:, :2] for each in all_values], axis=0)
    near = float(np.median(np.abs(values[:, :2]))) < _LARGEST_SHIFT
    return near and bool((values < 0).any()) and not follow_cells(centres, evidence.input_size or (0, 0))


def _separate(
    evidence: Evidence, groups: tuple[tuple[str, ...], ...], strides: tuple[int, ...], channels: tuple[int, ...]
) -> YoloX | None:
    """Three kinds of outputs; the class logits come first where the numbers of values do not tell."""
    if len(channels) != 3 or 4 not in channels[1:] or 1 not in channels[1:]:
        return None
    boxes, objectness = 1 + channels[1:].index(4), 1 + channels[1:].index(1)
    names = (groups[boxes], groups[objectness], groups[0])
    values = np.concatenate([rows(outputs, names[2], channels[0]) for outputs in evidence.outputs])
    return YoloX(strides, channels[0], separate=names, activated=are_scores(values))
