"""RTMDet, RTMDet-Ins and FCOS of MMDetection: distances in pixels from the place of a cell to the sides of its box.

For each stride class logits (1, classes, h, w) and distances (1, 4, h, w): left, top, right, bottom, which the graph
itself has multiplied by the stride (mmdet/models/dense_heads/rtmdet_head.py, ``RTMDetSepBNHead``; with ``exp_on_reg``
after an exponential, which is in the graph too). RTMDet has the strides 8, 16, 32 and places in the upper left corner
of a cell. FCOS has the strides 8 to 128, places in the middle of a cell, and a third kind of output, the centerness, by
which scores are multiplied (fcos_head.py).

RTMDet-Ins (rtmdet_ins_head.py) adds the weights of three small convolutions for each cell (1, 169, h, w) and one
output of mask features (1, 8, H / 8, W / 8): the convolutions, run over the features and the distance from the cell,
give the mask of the cell's object. Other sizes than those of the published configs are not recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_logits, best_of_scores, sigmoid
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import Pyramid, from_distances, points, pyramid, rows
from core.tasks.heads.output_checks import are_scores, first_image

_RTMDET = (8, 16, 32)
_FCOS = (8, 16, 32, 64, 128)
_FEATURES = 8
_WIDTH = 8
"""Channels of the two hidden layers of the mask's convolutions."""

_KERNELS = (_FEATURES + 2) * _WIDTH + _WIDTH * _WIDTH + _WIDTH + _WIDTH + _WIDTH + 1
_FEATURE_STRIDE = 8
_MOST_MASKS = 1000
"""As many of the best boxes as MMDetection keeps before suppression (``nms_pre``); a mask for each is costly."""

_MASKS_AT_ONCE = 50


@dataclass(frozen=True)
class PointDistances:
    """One box for each cell, by its distances from the cell's place."""

    strides: tuple[int, ...]
    classes: tuple[str, ...]
    distances: tuple[str, ...]
    class_count: int
    quality: tuple[str, ...] = ()
    """FCOS: outputs with the centerness."""

    kernels: tuple[str, ...] = ()
    """RTMDet-Ins: outputs with the weights of the mask's convolutions."""

    features: str = ""
    """RTMDet-Ins: the output with the features of masks."""

    offset: float = 0.0
    """Of a cell's place, in strides."""

    activated: bool = False
    """Whether scores are after the sigmoid."""

    name: str = "RTMDet"
    nms_iou: float | None = 0.65
    default_score: float = 0.3
    most_masks: int = _MOST_MASKS
    feature_stride: int = _FEATURE_STRIDE
    """Of the mask features, in pixels of the input."""

    mask_width: int = _WIDTH

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`; with masks, of the best thousand boxes."""
        kept, scores, labels = self._best(outputs, least)
        if self.kernels and len(kept) > self.most_masks:
            best = np.argsort(-scores, kind="stable")[: self.most_masks]
            kept, scores, labels = kept[best], scores[best], labels[best]
        places, strides = points(input_size, self.strides, offset=self.offset)
        boxes = from_distances(places[kept], rows(outputs, self.distances, 4)[kept])
        masks = self._masks(outputs, kept, places[kept], strides[kept]) if self.kernels else None
        return Candidates(boxes, scores, labels, mask_logits=masks)

    def _best(
        self, outputs: Mapping[str, Tensor], least: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        values = rows(outputs, self.classes, self.class_count)
        kept, scores, labels = (best_of_scores if self.activated else best_of_logits)(values, least)
        if not self.quality:
            return kept, scores, labels
        quality = rows(outputs, self.quality, 1)[kept, 0]
        scores = scores * (quality if self.activated else sigmoid(quality))
        enough = scores >= least
        return kept[enough], scores[enough], labels[enough]

    def _masks(
        self,
        outputs: Mapping[str, Tensor],
        kept: NDArray[np.int64],
        places: NDArray[np.float32],
        strides: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Logits of shape (n, rows, columns) of the features."""
        features = first_image(outputs[self.features])
        kernels = rows(outputs, self.kernels, _KERNELS)[kept]
        parts = [
            _mask_logits(features, kernels[part], places[part], strides[part])
            for part in (slice(start, start + _MASKS_AT_ONCE) for start in range(0, len(kept), _MASKS_AT_ONCE))
        ]
        return np.concatenate(parts) if parts else np.zeros((0, *features.shape[1:]), np.float32)


def _mask_logits(
    features: NDArray[np.float32],
    kernels: NDArray[np.float32],
    places: NDArray[np.float32],
    strides: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Three convolutions of size 1 with weights of their own for each object.

    The first sees, besides the features, how far right of and below a pixel the cell lies, in eight of its strides.
    """
    _, height, width = features.shape
    y, x = np.indices((height, width), np.float32).reshape(2, 1, -1) * _FEATURE_STRIDE
    ways = np.stack((places[:, :1] - x, places[:, 1:] - y), axis=1) / (strides[:, :, None] * 8)
    repeated = np.broadcast_to(features.reshape(1, _FEATURES, -1), (len(kernels), _FEATURES, height * width))
    weights = np.split(kernels, np.cumsum(((_FEATURES + 2) * _WIDTH, _WIDTH * _WIDTH, _WIDTH, _WIDTH, _WIDTH)), axis=1)
    first, second, last, *biases = weights
    values = np.concatenate((ways, repeated), axis=1, dtype=np.float32)
    values = np.maximum(first.reshape(-1, _WIDTH, _FEATURES + 2) @ values + biases[0][:, :, None], 0)
    values = np.maximum(second.reshape(-1, _WIDTH, _WIDTH) @ values + biases[1][:, :, None], 0)
    values = last.reshape(-1, 1, _WIDTH) @ values + biases[2][:, :, None]
    return np.asarray(values.reshape(-1, height, width), np.float32)


def recognize(evidence: Evidence) -> PointDistances | None:
    """By the strides of its outputs and the number of their values."""
    if evidence.input_size is None:
        return None
    found = pyramid(evidence.outputs[0], evidence.input_size)
    if found is None:
        return _with_masks(evidence, evidence.input_size)
    if len(found.channels) == 2 and found.strides == _RTMDET and found.channels[1] == 4:
        return _rtmdet(evidence, found)
    return _fcos(evidence, found)


def _rtmdet(evidence: Evidence, found: Pyramid) -> PointDistances | None:
    """None where no output has rows and columns: other families have lists of scores and of boxes."""
    if evidence.outputs[0][found.groups[0][0]].ndim != 4:
        return None
    activated = _are_activated(evidence, found.groups[0], found.channels[0])
    return PointDistances(found.strides, found.groups[0], found.groups[1], found.channels[0], activated=activated)


def _with_masks(evidence: Evidence, input_size: tuple[int, int]) -> PointDistances | None:
    """RTMDet-Ins: with one output of mask features more than the strides explain."""
    shapes = {name: tensor.shape for name, tensor in evidence.outputs[0].items()}
    for name in [name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == _FEATURES]:
        others = {other: tensor for other, tensor in evidence.outputs[0].items() if other != name}
        found = pyramid(others, input_size)
        if found and found.strides == _RTMDET and found.channels[1:] == (4, _KERNELS):
            classes, distances, kernels = found.groups
            activated = _are_activated(evidence, classes, found.channels[0])
            count = found.channels[0]
            return PointDistances(
                found.strides, classes, distances, count, (), kernels, name, 0.0, activated, "RTMDet-Ins", 0.6
            )
    return None


def _fcos(evidence: Evidence, found: Pyramid) -> PointDistances | None:
    """None where distances are negative: then they are deltas from anchors, as ATSS has them."""
    if found.strides != _FCOS or found.channels[1:] != (4, 1):
        return None
    classes, distances, quality = found.groups
    if any(bool((rows(outputs, distances, 4) < 0).any()) for outputs in evidence.outputs):
        return None
    activated = _are_activated(evidence, classes, found.channels[0])
    count = found.channels[0]
    return PointDistances(found.strides, classes, distances, count, quality, (), "", 0.5, activated, "FCOS", 0.5)


def _are_activated(evidence: Evidence, names: tuple[str, ...], classes: int) -> bool:
    return all(are_scores(rows(outputs, names, classes)) for outputs in evidence.outputs)
