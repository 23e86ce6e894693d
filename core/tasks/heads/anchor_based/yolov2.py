"""YOLOv2 and Tiny-YOLOv2: one grid of stride 32, as (1, 5 x (5 + classes), rows, columns).

For each of five anchors x, y, w, h, objectness and class logits; centre = (cell + s(xy)) x 32, size = exp(wh) x anchor
x 32, score = s(objectness) x softmax of the classes (darknet's src/region_layer.c; onnx/models' tiny-yolov2). Anchors
are those of cfg/yolov2.cfg (COCO), and for the 20 classes of VOC of cfg/yolov2-voc.cfg, or of cfg/yolov2-tiny-voc.cfg
where the model is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores, logit, sigmoid, softmax
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners
from core.tasks.heads.grids import exponential, rows
from core.tasks.heads.output_checks import are_scores

_STRIDE = 32
_ANCHOR_COUNT = 5
_COCO = (0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828)
_VOC = (1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071)
_TINY_VOC = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)
_CLASSES_OF_VOC, _CLASSES_OF_COCO = 20, 80
_MOST_PARAMETERS_OF_TINY = 30_000_000
_USUAL_OBJECTNESS = 0.3
"""Most cells are empty: in a detector the median objectness is lower than this."""


@dataclass(frozen=True)
class YoloV2:
    """Five boxes for each cell of one grid."""

    output: str
    class_count: int
    anchors: tuple[float, ...]
    """Width and height of five anchors, in strides."""

    name: str = "YOLOv2"
    nms_iou: float | None = 0.45
    default_score: float = 0.3
    stride: int = _STRIDE
    """In pixels of the input."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        del input_size  # the stride says it
        values = rows(outputs, (self.output,), 5 + self.class_count)
        near = np.flatnonzero(values[:, 4] >= logit(least))
        shares = sigmoid(values[near, 4:5]) * softmax(values[near, 5:])
        best, scores, labels = best_of_scores(shares, least)
        kept = near[best]
        cell, columns = kept // _ANCHOR_COUNT, outputs[self.output].shape[3]
        corner = np.stack((cell % columns, cell // columns), axis=1)
        sizes = np.array(self.anchors, np.float32).reshape(-1, 2)[kept % _ANCHOR_COUNT]
        boxes = (corner + sigmoid(values[kept, :2]), exponential(values[kept, 2:4]) * sizes)
        return Candidates(to_corners(np.concatenate(boxes, axis=1, dtype=np.float32) * self.stride), scores, labels)


def recognize(evidence: Evidence) -> YoloV2 | None:
    """By a single grid of stride 32 with five boxes of 20, of 80 or of the named classes, mostly of low objectness."""
    if evidence.input_size is None or len(evidence.outputs[0]) != 1:
        return None
    ((name, tensor),) = evidence.outputs[0].items()
    if tensor.ndim != 4 or tensor.shape[2:] != (evidence.input_size[0] / _STRIDE, evidence.input_size[1] / _STRIDE):
        return None
    classes = tensor.shape[1] // _ANCHOR_COUNT - 5
    known = (len(evidence.class_names),) if evidence.class_names else (_CLASSES_OF_VOC, _CLASSES_OF_COCO)
    if tensor.shape[1] % _ANCHOR_COUNT or classes not in known:
        return None
    values = np.concatenate([rows(outputs, (name,), 5 + classes) for outputs in evidence.outputs])
    if are_scores(values) or float(np.median(values[:, 4])) > logit(_USUAL_OBJECTNESS):
        return None
    return YoloV2(name, classes, _anchors(classes, evidence.source.parameters))


def _anchors(classes: int, parameters: int) -> tuple[float, ...]:
    if classes != _CLASSES_OF_VOC:
        return _COCO
    return _TINY_VOC if parameters < _MOST_PARAMETERS_OF_TINY else _VOC
