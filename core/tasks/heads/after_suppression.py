"""Detectors with suppression inside that write boxes, scores and classes into outputs of their own.

- mmdeploy: ``dets`` (1, n, 5) of x1, y1, x2, y2, score and ``labels`` (1, n).
- TensorRT's EfficientNMS: ``num_dets``, ``boxes``, ``scores``, ``classes``; what follows after ``num_dets`` objects is
  padding.
- TensorFlow: ``num_detections``, ``detection_boxes`` (y1, x1, y2, x2 as shares), ``detection_scores``,
  ``detection_classes`` (from 1), and the four outputs of ``TFLite_Detection_PostProcess`` (classes from 0).
- torchvision: ``boxes`` (n, 4), ``labels`` (n) and ``scores`` (n) without a batch axis; n may be 0.
- SSD of the ONNX model zoo: ``bboxes`` (shares), ``labels``, ``scores``; RT-DETR and D-FINE for deployment: ``labels``,
  ``boxes``, ``scores``.

Masks of the size of the input, (..., n, height, width), and keypoints, (..., n, points, 3), belong to the objects.
Sources: the exporters of these projects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import are_shares, to_pixels, x_first
from core.tasks.heads.output_checks import are_corners, are_scores, are_whole

_BACKGROUNDS = frozenset({"background", "__background__", "n/a", "???", "bg", "unlabeled"})
_TENSORFLOW = ("detection_boxes", "tflite_detection_postprocess")
_TENSORFLOW_NAME = "TensorFlow Object Detection"
_LABEL_WORDS = ("label", "class", "cls")
_HALF = 0.5


@dataclass(frozen=True)
class Roles:
    """Which output holds what; empty where there is none."""

    boxes: str
    labels: str = ""
    scores: str = ""
    """Empty where the score is the fifth value of a box."""

    count: str = ""
    masks: str = ""
    keypoints: str = ""


@dataclass(frozen=True)
class AfterSuppression:
    """Boxes, scores and classes in several outputs."""

    roles: Roles
    class_count: int
    name: str
    y_first: bool = False
    """Whether boxes are y1, x1, y2, x2."""

    shares: bool = False
    """Whether boxes are shares of the input, not pixels."""

    first_class: int = 0
    """Number that the model gives to its first class."""

    nms_iou: float | None = None
    default_score: float = 0.3

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        boxes, scores, labels = _objects(outputs, self.roles)
        classes = np.rint(labels).astype(np.int64) - self.first_class
        kept = np.flatnonzero((scores >= least) & (classes >= 0))
        boxes = boxes[kept]
        boxes = x_first(boxes) if self.y_first else boxes
        return Candidates(
            to_pixels(boxes, input_size) if self.shares else boxes,
            scores[kept],
            classes[kept],
            keypoints=_of_objects(outputs, self.roles.keypoints, kept),
            mask_logits=self._masks(outputs, kept),
        )

    def _masks(self, outputs: Mapping[str, Tensor], kept: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Probabilities of the pixels, so that those above a half are above 0."""
        masks = _of_objects(outputs, self.roles.masks, kept)
        return None if masks is None else masks - np.float32(_HALF)


def recognize(evidence: Evidence) -> AfterSuppression | None:
    """By one output of boxes, and others of as many scores and whole numbers."""
    if evidence.input_size is None:
        return None
    roles = _roles(evidence, evidence.input_size)
    if roles is None:
        return None
    boxes, scores, labels = (np.concatenate(values) for values in zip(*_all_objects(evidence, roles), strict=True))
    # Without any object there are only names and element types to go by.
    if len(scores) and not (are_scores(scores) and are_whole(labels) and are_corners(boxes, 0.9)):
        return None
    if not len(scores) and "box" not in roles.boxes.lower() and "det" not in roles.boxes.lower():
        return None
    name, score = _family(evidence, roles)
    y_first = any(word in roles.boxes.lower() for word in _TENSORFLOW)
    first_class = _first_class(evidence, name, labels)
    classes = max(len(evidence.class_names), int(labels.max(initial=0)) + 1 - first_class)
    shares = are_shares(boxes) or (not len(boxes) and y_first)
    return AfterSuppression(roles, classes, name, y_first, shares, first_class, default_score=score)


def _of_objects(outputs: Mapping[str, Tensor], name: str, kept: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Masks or keypoints of these objects, shape (n, ., .); None where there are none."""
    if not name:
        return None
    values = outputs[name]
    return np.asarray(values.reshape(-1, *values.shape[-2:])[kept], np.float32)


def _all_objects(evidence: Evidence, roles: Roles) -> list[tuple[NDArray[np.float32], ...]]:
    """Boxes, scores and labels of each sample, without padding."""
    return [
        tuple(values[objects[1] > 0] for values in objects)
        for outputs in evidence.outputs
        for objects in [_objects(outputs, roles)]
    ]


def _objects(outputs: Mapping[str, Tensor], roles: Roles) -> tuple[NDArray[np.float32], ...]:
    """Boxes (n, 4), scores (n,) and labels (n,) of the first image."""
    boxes = _first(outputs[roles.boxes], 2)
    labels = _first(outputs[roles.labels], 1) if roles.labels else np.zeros(len(boxes), np.float32)
    scores = _first(outputs[roles.scores], 1) if roles.scores else boxes[:, 4]
    count = int(outputs[roles.count].flat[0]) if roles.count else len(boxes)
    return boxes[:count, :4], scores[:count], labels[:count]


def _first(tensor: Tensor, rank: int) -> NDArray[np.float32]:
    """The first image's part, of so many axes: a batch axis, where there is one, goes, and axes of 1 at the end too."""
    while tensor.ndim > rank + 1 and tensor.shape[-1] == 1:
        tensor = tensor[..., 0]
    return np.asarray(tensor[0] if tensor.ndim > rank else tensor, np.float32)


def _roles(evidence: Evidence, input_size: tuple[int, int]) -> Roles | None:
    """Which output is which, by shapes and element types, then by names; None where one does not fit in."""
    outputs = {name: tensor for name, tensor in evidence.outputs[0].items() if not _is_surplus(name)}
    boxes = [name for name, tensor in outputs.items() if _holds_boxes(tensor.shape)]
    if len(boxes) > 1:
        boxes = [name for name in boxes if "box" in name.lower() or "det" in name.lower()]
    if len(boxes) != 1:
        return None
    shape = outputs[boxes[0]].shape
    objects, with_score = shape[:-1], shape[-1] == 5
    vectors = [name for name, tensor in outputs.items() if tensor.shape in (objects, (*objects, 1))]
    found = _labels_and_scores(evidence, vectors, with_score)
    if found is None:
        return None
    labels, scores = found
    rest = [name for name in outputs if name not in (boxes[0], labels, scores)]
    more = {_role(name, outputs[name], objects, input_size): name for name in rest}
    if None in more or len(more) != len(rest) or (not labels and "keypoints" not in more):
        return None
    return Roles(boxes[0], labels, scores, more.get("count", ""), more.get("masks", ""), more.get("keypoints", ""))


def _is_surplus(name: str) -> bool:
    """Outputs of TensorFlow's detectors from before their suppression, and others that are not needed."""
    return name.startswith("raw_") or name in ("detection_anchor_indices", "detection_multiclass_scores")


def _holds_boxes(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[-1] in (4, 5) and (len(shape) == 2 or shape[0] == 1)


def _labels_and_scores(evidence: Evidence, vectors: list[str], with_score: bool) -> tuple[str, str] | None:
    """One vector each; labels have words for it, are integers, or whole numbers in all samples."""
    if with_score:
        return (vectors[0], "") if len(vectors) == 1 else ("", "") if not vectors else None
    if len(vectors) != 2:
        return None
    named = [name for name in vectors if any(word in name.lower() for word in _LABEL_WORDS)]
    integer = [name for name in vectors if np.issubdtype(evidence.outputs[0][name].dtype, np.integer)]
    whole = [
        name for name in vectors if are_whole(np.concatenate([np.ravel(outputs[name]) for outputs in evidence.outputs]))
    ]
    for labels in (integer, named, whole):
        if len(labels) == 1:
            (scores,) = set(vectors) - set(labels)
            return labels[0], scores
    return None


def _role(name: str, tensor: Tensor, objects: tuple[int, ...], input_size: tuple[int, int]) -> str | None:
    """What another output holds, by the name of its role; None for anything else."""
    shape = tensor.shape
    if tensor.size == 1 and (np.issubdtype(tensor.dtype, np.integer) or "num" in name.lower() or len(shape) == 1):
        return "count"
    if shape[: len(objects)] != objects:
        return None
    if shape[-2:] == input_size:
        return "masks"
    if len(shape) == len(objects) + 1 and "keypoint" in name.lower():
        return "keypoint scores"  # torchvision's are no probabilities
    return "keypoints" if len(shape) == len(objects) + 2 and shape[-1] == 3 else None


def _family(evidence: Evidence, roles: Roles) -> tuple[str, float]:
    """Name and least score, as its own code or its demonstration has them."""
    if roles.boxes.lower().startswith(_TENSORFLOW):
        return (_TENSORFLOW_NAME if "detection_boxes" in roles.boxes.lower() else "TensorFlow Lite"), 0.5
    if not roles.scores:
        return ("RTMO" if roles.keypoints and not roles.labels else "MMDetection"), 0.3
    if roles.count:
        return "EfficientNMS", 0.25
    if evidence.outputs[0][roles.boxes].ndim == 2:
        return "torchvision", 0.5
    return ("SSD" if roles.boxes == "bboxes" else "RT-DETR"), 0.5


def _first_class(evidence: Evidence, name: str, labels: NDArray[np.float32]) -> int:
    """1 where the model counts its classes from 1 and the names have no background at index 0."""
    names = evidence.class_names
    if not names or names[0].strip().lower() in _BACKGROUNDS or not len(labels) or labels.min() < 1:
        return 0
    return int(name == _TENSORFLOW_NAME or int(labels.max()) == len(names))
