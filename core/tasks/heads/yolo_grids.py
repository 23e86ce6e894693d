"""YOLOs whose exports stop at the raw grids: YOLOv3, YOLOv4, YOLOv5 and YOLOv7.

One output for each stride, of shape (1, 3 x (5 + classes), h, w), (1, 3, h, w, 5 + classes) or (1, h, w, 3, 5 +
classes): for each cell and each of three anchors x, y, w, h, objectness and class scores, before the sigmoid; in some
exports after it.

- YOLOv3, YOLOv4 (darknet): centre = (s(x) + cell) x stride, size = exp(w) x anchor; YOLOv4 stretches s(x) by 1.2, 1.1
  and 1.05 about 0.5 (``scale_x_y``).
- YOLOv5, YOLOv7, and Ultralytics' YOLOv3: centre = (2 s(x) - 0.5 + cell) x stride, size = (2 s(w))^2 x anchor.

YOLOv3 and YOLOv5 have the same anchors, and so have YOLOv4 and YOLOv7. The shape does not tell which formula a model
needs: see :func:`_family`. Anchors that a training chose anew are nowhere in such a file; with them sizes are off,
while scores and centres are right. Sources: darknet's src/yolo_layer.c and cfg/yolov3.cfg, cfg/yolov4.cfg; YOLOv5's
models/yolo.py and models/yolov5s.yaml, models/hub/yolov5s6.yaml; YOLOv7's cfg/deploy/yolov7.yaml; onnx/models'
yolov4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import logit, sigmoid
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners
from core.tasks.heads.output_checks import STRIDES, are_scores, first_image

_ANCHORS = 3
_V3 = {8: (10, 13, 16, 30, 33, 23), 16: (30, 61, 62, 45, 59, 119), 32: (116, 90, 156, 198, 373, 326)}
_V4 = {8: (12, 16, 19, 36, 40, 28), 16: (36, 75, 76, 55, 72, 146), 32: (142, 110, 192, 243, 459, 401)}
_V3_TINY = {16: (10, 14, 23, 27, 37, 58), 32: (81, 82, 135, 169, 344, 319)}
_V4_TINY = {16: (23, 27, 37, 58, 81, 82), 32: (81, 82, 135, 169, 344, 319)}
_V5_P6 = {
    8: (19, 27, 44, 40, 38, 94),
    16: (96, 68, 86, 152, 180, 137),
    32: (140, 301, 303, 264, 238, 542),
    64: (436, 615, 739, 380, 925, 792),
}
_STRETCH = {8: 1.2, 16: 1.1, 32: 1.05}
_TINY_STRETCH = {16: 1.05, 32: 1.05}

_FEWEST_SWISHES = 15
_MAX_POOLS_OF_V5 = 3
_USUAL_OBJECTNESS = 0.3
"""Most cells are empty: in a detector the median objectness is lower than this."""


@dataclass(frozen=True)
class Grid:
    """One output."""

    output: str
    stride: int
    """In pixels of the input."""

    anchors: tuple[int, ...]
    """Width and height of three anchors, in pixels of the input."""

    stretch: float = 1.0
    """Factor of the centre's place in its cell, about the middle of the cell."""


@dataclass(frozen=True)
class YoloGrids:
    """Three boxes for each cell of some grids."""

    grids: tuple[Grid, ...]
    class_count: int
    name: str
    exponential: bool
    """Whether sizes are exponentials, as in darknet; else squares."""

    activated: bool = False
    """Whether objectness and scores are after the sigmoid; in models without exponentials the box is as well."""

    anchors_last: bool = False
    """Whether the axis of the anchors is the fourth of five, not the second."""

    nms_iou: float | None = 0.45
    default_score: float = 0.25

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        del input_size  # the strides say it
        parts = [
            self._decode_grid(_anchors_first(outputs[grid.output], self.class_count, self.anchors_last), grid, least)
            for grid in self.grids
        ]
        boxes, scores, classes = (np.concatenate(values) for values in zip(*parts, strict=True))
        return Candidates(boxes, scores, classes.astype(np.int64))

    def _decode_grid(self, values: NDArray[np.float32], grid: Grid, least: float) -> tuple[NDArray[np.float32], ...]:
        """Corners, scores and classes of one grid; few cells come as far as the exponentials."""
        threshold = least if self.activated else logit(least)
        anchor, row, column = np.nonzero(values[..., 4] >= threshold)
        cells = values[anchor, row, column]
        confidences = cells[:, 4:] if self.activated else sigmoid(cells[:, 4:])
        scores = confidences[:, :1] * confidences[:, 1:]
        best = scores.max(axis=1)
        kept = best >= least
        sizes = np.array(grid.anchors, np.float32).reshape(_ANCHORS, 2)[anchor[kept]]
        corner = np.stack((column[kept], row[kept]), axis=1).astype(np.float32)
        boxes = self._boxes(cells[kept, :4], corner, sizes, grid)
        return to_corners(boxes), best[kept], scores[kept].argmax(axis=1)

    def _boxes(
        self, values: NDArray[np.float32], cells: NDArray[np.float32], anchors: NDArray[np.float32], grid: Grid
    ) -> NDArray[np.float32]:
        """Boxes cx, cy, w, h in pixels."""
        if self.exponential:
            places = (sigmoid(values[:, :2]) - 0.5) * grid.stretch + 0.5
            sizes = np.exp(np.minimum(values[:, 2:], 20)) * anchors
        else:
            shares = values if self.activated else sigmoid(values)
            places, sizes = shares[:, :2] * 2 - 0.5, (shares[:, 2:] * 2) ** 2 * anchors
        return np.concatenate(((places + cells) * grid.stride, sizes), axis=1, dtype=np.float32)


def recognize(evidence: Evidence) -> YoloGrids | None:
    """By the shapes of all grids together, and by a low objectness nearly everywhere."""
    raw = {name: tensor for name, tensor in evidence.outputs[0].items() if tensor.ndim in (4, 5)}
    if evidence.input_size is None or len(raw) != len(evidence.outputs[0]) or not raw:
        return None
    classes = _class_count(raw)
    last = _are_anchors_last(raw)
    strides = None if classes is None else _strides(raw, classes, last, evidence.input_size)
    if classes is None or strides is None or (evidence.class_names and len(evidence.class_names) != classes):
        return None
    confidences = np.concatenate(
        [_anchors_first(outputs[name], classes, last)[..., 4:].ravel() for outputs in evidence.outputs for name in raw]
    )
    activated = are_scores(confidences)
    objectness = np.median(confidences.reshape(-1, 1 + classes)[:, 0])
    if objectness > (_USUAL_OBJECTNESS if activated else logit(_USUAL_OBJECTNESS)):
        return None
    head = _head(evidence, strides, classes)
    return None if head is None else replace(head, activated=activated, anchors_last=last)


def _anchors_first(tensor: Tensor, classes: int, last: bool) -> NDArray[np.float32]:
    """A grid as (anchors, rows, columns, values)."""
    values = first_image(tensor)
    if values.ndim == 3:
        return values.reshape(_ANCHORS, 5 + classes, *values.shape[1:]).transpose(0, 2, 3, 1)
    return values.transpose(2, 0, 1, 3) if last else values


def _are_anchors_last(raw: Mapping[str, Tensor]) -> bool:
    """Whether the three anchors stand after rows and columns; a small grid may have three rows as well."""
    shapes = [tensor.shape for tensor in raw.values()]
    last = all(len(shape) == 5 and shape[3] == _ANCHORS for shape in shapes)
    return last and any(shape[1] != _ANCHORS for shape in shapes)


def _class_count(raw: Mapping[str, Tensor]) -> int | None:
    """Number of classes, the same in all outputs; None where the shapes are no such grids."""
    counts = {_values_of_a_box(tensor.shape) for tensor in raw.values()}
    count = counts.pop()
    return count - 5 if not counts and count is not None and count > 5 else None


def _values_of_a_box(shape: tuple[int, ...]) -> int | None:
    if len(shape) == 5:
        return shape[4] if _ANCHORS in (shape[1], shape[3]) else None
    return shape[1] // _ANCHORS if shape[1] % _ANCHORS == 0 else None


def _strides(raw: Mapping[str, Tensor], classes: int, last: bool, input_size: tuple[int, int]) -> dict[str, int] | None:
    """The stride of each output; None where they are not those of a YOLO."""
    strides = {}
    for name, tensor in raw.items():
        _, rows, columns, _ = _anchors_first(tensor, classes, last).shape
        stride = round(input_size[0] / rows)
        if (rows * stride, columns * stride) != input_size:
            return None
        strides[name] = stride
    usual = any(sorted(strides.values()) == sorted(some) for some in STRIDES if len(some) > 1)
    return strides if usual and not {4} & set(strides.values()) and len(set(strides.values())) > 1 else None


def _head(evidence: Evidence, strides: Mapping[str, int], classes: int) -> YoloGrids | None:
    family = _family(evidence)
    anchors = _anchors(family, strides.values())
    if anchors is None:
        return None
    exponential = family in ("YOLOv3", "YOLOv4")
    stretch = {} if family != "YOLOv4" else _TINY_STRETCH if anchors is _V4_TINY else _STRETCH
    grids = tuple(Grid(name, stride, anchors[stride], stretch.get(stride, 1.0)) for name, stride in strides.items())
    return YoloGrids(grids, classes, family, exponential)


def _anchors(family: str, strides: Collection[int]) -> Mapping[int, tuple[int, ...]] | None:
    """The family's anchors on COCO by stride; None where it has none for these strides."""
    later = family in ("YOLOv4", "YOLOv7")
    for anchors in (_V4 if later else _V3, _V4_TINY if later else _V3_TINY, _V5_P6):
        if sorted(anchors) == sorted(strides):
            return anchors
    return None


def _family(evidence: Evidence) -> str:
    """By the file's name or the metadata; else by the activations.

    Darknet's models have LeakyRelu or Mish (Softplus and Tanh), YOLOv5 and YOLOv7 SiLU (Sigmoid and Mul). YOLOv7 pools
    more often than YOLOv5, and has no residual additions. Channels in the last of five axes with the anchors beside
    them are those of the YOLOv4 in the ONNX model zoo.
    """
    text = " ".join((evidence.source.path.stem, evidence.metadata.get("description", ""))).lower()
    text = text.replace("-", "").replace("_", "")
    for version in ("v3", "v4", "v5", "v7"):
        if f"yolo{version}" in text:
            # Ultralytics' own YOLOv3 decodes as YOLOv5 does, with the same anchors.
            return "YOLOv5" if version == "v3" and _has_swish(evidence) else f"YOLO{version}"
    operators = evidence.source.operators
    if operators.get("Mish", 0) + operators.get("Softplus", 0) > 0 or _are_anchors_last(evidence.outputs[0]):
        return "YOLOv4"
    four_axes = all(tensor.ndim == 4 for tensor in evidence.outputs[0].values())
    if not _has_swish(evidence) and operators.get("LeakyRelu", 0) and four_axes:
        return "YOLOv3"
    return "YOLOv7" if operators.get("MaxPool", 0) > _MAX_POOLS_OF_V5 and not operators.get("Add") else "YOLOv5"


def _has_swish(evidence: Evidence) -> bool:
    return evidence.source.operators.get("Sigmoid", 0) >= _FEWEST_SWISHES
