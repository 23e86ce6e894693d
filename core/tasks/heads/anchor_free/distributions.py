"""PicoDet, NanoDet and NanoDet-Plus: each distance of a box's side is a distribution over whole numbers of strides.

After the softmax, the mean of the distribution is the distance from the cell's place in strides (Generalized Focal
Loss, Li et al., 2020). Class scores are after the sigmoid.

- PicoDet (PaddleDetection, exported without post-processing) and the first NanoDet: for each stride scores (1, n,
  classes) and distributions (1, n, 4 x bins); places in the middle of a cell
  (PaddleDetection deploy/python/picodet_postprocess.py; nanodet/model/head/gfl_head.py).
- NanoDet in one output: (1, n, classes + 4 x bins) for all strides one after another. With the strides 8, 16 and 32 it
  is the first one; NanoDet-Plus has 64 too, and places in the upper left corner
  (nanodet/model/head/nanodet_plus_head.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores, softmax
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import fitting_strides, from_distances, points, pyramid, rows
from core.tasks.heads.output_checks import are_scores

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_BINS = (8, 17, 16, 11)
"""Whole numbers of strides that a distance may have, the usual one first."""


@dataclass(frozen=True)
class Distributions:
    """One box for each cell, by distributions of its distances from the cell's place."""

    strides: tuple[int, ...]
    class_count: int
    bins: int
    merged: str = ""
    """The output that holds scores and distributions."""

    scores: tuple[str, ...] = ()
    """Instead: outputs with the scores, one for each stride."""

    distributions: tuple[str, ...] = ()
    offset: float = 0.5
    """Of a cell's place, in strides."""

    name: str = "PicoDet"
    nms_iou: float | None = 0.6
    default_score: float = 0.4

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        columns = 4 * self.bins
        if self.merged:
            values = rows(outputs, (self.merged,), self.class_count + columns)
            shares, distributions = values[:, : self.class_count], values[:, self.class_count :]
        else:
            shares = rows(outputs, self.scores, self.class_count)
            distributions = rows(outputs, self.distributions, columns)
        kept, scores, labels = best_of_scores(shares, least)
        places, strides = points(input_size, self.strides, offset=self.offset)
        shares = softmax(distributions[kept].reshape(-1, 4, self.bins))
        distances = np.asarray(shares @ np.arange(self.bins, dtype=np.float32), np.float32)
        return Candidates(from_distances(places[kept], distances * strides[kept]), scores, labels)


def recognize(evidence: Evidence) -> Distributions | None:
    """By the number of cells, and by scores followed by four distributions that are no scores."""
    if evidence.input_size is None:
        return None
    outputs, size = evidence.outputs[0], evidence.input_size
    if len(outputs) == 1:
        ((name, tensor),) = outputs.items()
        strides = fitting_strides(tensor, size, _STRIDES)
        return _merged(evidence, name, strides) if strides else None
    found = pyramid(outputs, size)
    if found is None or found.strides not in _STRIDES or len(found.channels) != 2:
        return None
    bins = found.channels[1] // 4
    if 4 * bins != found.channels[1] or bins not in _BINS:
        return None
    scores, distributions = found.groups
    if not all(are_scores(rows(each, scores, found.channels[0])) for each in evidence.outputs):
        return None
    name = "PicoDet" if len(found.strides) == 4 else "NanoDet"
    return Distributions(found.strides, found.channels[0], bins, "", scores, distributions, name=name)


def _merged(evidence: Evidence, name: str, strides: tuple[int, ...]) -> Distributions | None:
    values = np.concatenate([rows(outputs, (name,), outputs[name].shape[2]) for outputs in evidence.outputs])
    bins = next((bins for bins in _BINS if _holds(evidence, values, bins)), None)
    if bins is None:
        return None
    family, offset = ("NanoDet-Plus", 0.0) if len(strides) == 4 else ("NanoDet", 0.5)
    return Distributions(strides, values.shape[1] - 4 * bins, bins, name, offset=offset, name=family)


def _holds(evidence: Evidence, values: NDArray[np.float32], bins: int) -> bool:
    """Whether the columns before the distributions are scores, and no column of the distributions is one."""
    classes = values.shape[1] - 4 * bins
    if classes < 1 or (evidence.class_names and len(evidence.class_names) != classes):
        return False
    others = values[:, classes:]
    outside = ((others < 0) | (others > 1)).any(axis=0)
    return are_scores(values[:, :classes]) and bool(outside.all())
