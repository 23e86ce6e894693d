"""RetinaNet (Lin et al., 2017) and ATSS whose graph stops before the boxes are decoded.

RetinaNet has nine anchors for each cell of the strides 8 to 128: three ratios of height to width, 1/2, 1 and 2, each
with three sizes, 4, 4 x 2^(1/3) and 4 x 2^(2/3) strides. ATSS has one, a square of 8 strides, and multiplies scores by
the centerness.

- MMDetection (mmdet/models/dense_heads/retina_head.py, atss_head.py): for each stride class logits (1, anchors x
  classes, h, w) and deltas (1, anchors x 4, h, w), with ATSS the centerness (1, 1, h, w); anchors about the upper left
  corner of a cell; ATSS' deltas have the variances 0.1 and 0.2.
- torchvision (models/detection/retinanet.py, anchor_utils.py): logits (1, n, classes) and deltas (1, n, 4) of all
  strides; sizes are cut and corners rounded to whole pixels, and cells lie input / rows pixels apart, rounded down.
- yhenon/pytorch-retinanet: the same shapes, scores after the sigmoid, the variances 0.1 and 0.2, and anchors about the
  middle of a cell. Recognised by scores after the sigmoid in one output.
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
from core.tasks.heads.grids import Pyramid, from_priors, points, pyramid, rows
from core.tasks.heads.output_checks import are_corners, are_scores, cells

_STRIDES = (8, 16, 32, 64, 128)
_RATIOS = (0.5, 1.0, 2.0)
_SIZES = (4.0, 4 * 2 ** (1 / 3), 4 * 2 ** (2 / 3))
_ATSS_RATIOS, _ATSS_SIZES = (1.0,), (8.0,)
_ANCHORS = len(_RATIOS) * len(_SIZES)


@dataclass(frozen=True)
class RetinaNet:
    """Corrections of anchors, and a score for each class."""

    deltas: tuple[str, ...]
    scores: tuple[str, ...]
    class_count: int
    quality: tuple[str, ...] = ()
    """ATSS: outputs with the centerness."""

    activated: bool = False
    """Whether scores are after the sigmoid."""

    offset: float = 0.0
    """Of the anchors' centre in its cell, in strides."""

    whole_pixels: bool = False
    """Whether sizes, corners and the distance of cells are whole numbers, as in torchvision."""

    variances: tuple[float, float] = (1.0, 1.0)
    name: str = "RetinaNet"
    nms_iou: float | None = 0.5
    default_score: float = 0.3
    strides: tuple[int, ...] = _STRIDES
    ratios: tuple[float, ...] = _RATIOS
    """Of the height of an anchor to its width."""

    sizes: tuple[float, ...] = _SIZES
    """Of the anchors of each ratio, in strides."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        values = rows(outputs, self.scores, self.class_count)
        kept, scores, labels = (best_of_scores if self.activated else best_of_logits)(values, least)
        if self.quality:
            quality = rows(outputs, self.quality, 1)[kept, 0]
            scores = scores * (quality if self.activated else sigmoid(quality))
            enough = scores >= least
            kept, scores, labels = kept[enough], scores[enough], labels[enough]
        deltas = rows(outputs, self.deltas, 4)[kept]
        return Candidates(from_priors(self._anchors(input_size, kept), deltas, self.variances), scores, labels)

    def _anchors(self, input_size: tuple[int, int], kept: NDArray[np.int64]) -> NDArray[np.float32]:
        """Anchors cx, cy, w, h in pixels."""
        shapes = np.array([(size / ratio**0.5, size * ratio**0.5) for ratio in self.ratios for size in self.sizes])
        places, strides = points(input_size, self.strides, offset=self.offset)
        cell = kept // len(shapes)
        places, strides = places[cell], strides[cell]
        if not self.whole_pixels:
            sizes = shapes.astype(np.float32)[kept % len(shapes)] * strides
        else:
            sizes = self._whole_sizes(strides[:, 0], kept % len(shapes))
            sides = np.array((input_size[1], input_size[0]), np.float32)
            places = places / strides * (sides // np.ceil(sides / strides))
        return np.concatenate((places, sizes), axis=1, dtype=np.float32)

    def _whole_sizes(self, strides: NDArray[np.float32], numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Width and height of anchors by their stride and their number in the cell, as torchvision computes them."""
        count = len(self.sizes)
        sizes = np.floor(strides[:, None] * np.array(self.sizes))[np.arange(len(strides)), numbers % count]
        roots = np.sqrt(np.array(self.ratios, np.float32))[numbers // count]
        half = np.stack((sizes / roots, sizes * roots), axis=1).astype(np.float32) / 2
        return np.asarray(2 * np.round(half), np.float32)


def recognize(evidence: Evidence) -> RetinaNet | None:
    """By nine boxes, or with a centerness one, for each cell of the five strides."""
    if evidence.input_size is None:
        return None
    if len(evidence.outputs[0]) == 2:
        return _flat(evidence, evidence.input_size)
    found = pyramid(evidence.outputs[0], evidence.input_size)
    if found is None or found.strides != _STRIDES or len(found.channels) not in (2, 3):
        return None
    return _by_level(evidence, found)


def _flat(evidence: Evidence, input_size: tuple[int, int]) -> RetinaNet | None:
    shapes = {name: tensor.shape for name, tensor in evidence.outputs[0].items()}
    count = _ANCHORS * cells(input_size, _STRIDES)
    if any(len(shape) != 3 or shape[1] != count for shape in shapes.values()):
        return None
    deltas = [name for name, shape in shapes.items() if shape[2] == 4]
    if not deltas:
        return None
    deltas = deltas[-1:]  # with four classes too, deltas are the second output
    (scores,) = shapes.keys() - set(deltas)
    columns = shapes[scores][2]
    if are_corners(np.concatenate([rows(outputs, deltas, 4) for outputs in evidence.outputs])):
        return None
    activated = all(are_scores(rows(outputs, (scores,), columns)) for outputs in evidence.outputs)
    if activated:
        return RetinaNet(
            tuple(deltas), (scores,), columns, activated=True, offset=0.5, variances=(0.1, 0.2), default_score=0.5
        )
    return RetinaNet(tuple(deltas), (scores,), columns, whole_pixels=True)


def _by_level(evidence: Evidence, found: Pyramid) -> RetinaNet | None:
    anchors = _ANCHORS if len(found.channels) == 2 else 1
    classes = found.channels[0] // anchors
    if found.channels[1:] != (4 * anchors, 1)[: len(found.channels) - 1] or classes * anchors != found.channels[0]:
        return None
    scores, deltas = found.groups[:2]
    activated = all(are_scores(rows(outputs, scores, classes)) for outputs in evidence.outputs)
    if len(found.channels) == 2:
        return RetinaNet(deltas, scores, classes, activated=activated)
    if not any(bool((rows(outputs, deltas, 4) < 0).any()) for outputs in evidence.outputs):
        return None  # distances, as FCOS has them
    return RetinaNet(
        deltas,
        scores,
        classes,
        found.groups[2],
        activated,
        variances=(0.1, 0.2),
        name="ATSS",
        nms_iou=0.6,
        ratios=_ATSS_RATIOS,
        sizes=_ATSS_SIZES,
    )
