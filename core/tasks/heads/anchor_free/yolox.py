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
from core.tasks.heads.grids import from_centres, points, pyramid, rows
from core.tasks.heads.output_checks import are_distributions, are_scores, cells

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_HIGHEST_CORRELATION = 0.7
"""Decoded centres follow their cells with 0.95 and more, shifts inside a cell do not."""


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
        fitting = [strides for strides in _STRIDES if tensor.ndim == 3 and tensor.shape[1] == cells(size, strides)]
        return _merged(evidence, (name,), fitting[0], tensor.shape[2]) if fitting else None
    found = pyramid(outputs, size)
    if found is None or found.strides not in _STRIDES:
        return None
    if len(found.channels) == 1:
        return _merged(evidence, found.groups[0], found.strides, found.channels[0])
    return _separate(evidence, found.groups, found.strides, found.channels)


def _merged(evidence: Evidence, names: tuple[str, ...], strides: tuple[int, ...], columns: int) -> YoloX | None:
    values = np.concatenate([rows(outputs, names, columns) for outputs in evidence.outputs])
    if columns < 6 or not are_scores(values[:, 4:]) or are_distributions(values) or _are_decoded(evidence, values):
        return None
    return YoloX(strides, columns - 5, merged=names)


def _are_decoded(evidence: Evidence, values: NDArray[np.float32]) -> bool:
    """Whether the first four columns are boxes already, or no boxes at all.

    Else logarithms of sizes are negative at times, and shifts of centres are a few cells at most.
    """
    places, _ = points(evidence.input_size or (0, 0), _strides_of(evidence, len(values)), offset=0.5)
    if bool((values[:, :4] >= 0).all()) or float(np.median(np.abs(values[:, :2]))) > 8:
        return True
    repeated = np.tile(places, (len(evidence.outputs), 1))
    return any(_correlation(values[:, axis], repeated[:, axis]) > _HIGHEST_CORRELATION for axis in (0, 1))


def _strides_of(evidence: Evidence, count: int) -> tuple[int, ...]:
    size = evidence.input_size or (0, 0)
    return next(strides for strides in _STRIDES if count == len(evidence.outputs) * cells(size, strides))


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """0 where one of them is constant."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


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
