"""SSD (Liu et al., 2016) and its relatives whose graph stops before the boxes are decoded.

Deltas (1, n, 4) from prior boxes, classes (1, n, classes + 1) with the background, as logits or after the softmax, and
in some exports the prior boxes themselves: (n, 4) cx, cy, w, h in shares of the input (amdegroot/ssd.pytorch), or (1,
2, 4n) with corners in the first row (Caffe). Else the priors follow from the number of boxes, for the layouts of
:mod:`core.tasks.heads.anchor_based.prior_layouts`. Deltas have the variances 0.1 and 0.2.

MMDetection writes two outputs for each level, (1, boxes x (classes + 1), h, w) and (1, boxes x 4, h, w), and counts the
background as the last class (mmdet/models/dense_heads/ssd_head.py). TensorFlow writes y before x, and in later models
scores after the sigmoid (object_detection/box_coders/faster_rcnn_box_coder.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_logits, best_of_scores, best_of_softmax
from core.tasks.heads.anchor_based.prior_layouts import BY_LEVEL, TENSORFLOW, PriorLayout, flat_layout
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_pixels
from core.tasks.heads.grids import from_priors, rows
from core.tasks.heads.output_checks import are_corners, are_distributions, are_scores, samples

Activation = Literal["none", "softmax", "sigmoid"]
"""What is still to be done to the class scores."""

_VARIANCES = (0.1, 0.2)
_LARGEST_DELTA = 1000.0


@dataclass(frozen=True)
class Ssd:
    """Corrections of prior boxes, and a score for each class and the background."""

    deltas: tuple[str, ...]
    scores: tuple[str, ...]
    class_count: int
    channels: int
    """Number of classes with the background."""

    background: int
    """Its place among the channels: the first or the last."""

    first_class: int = 0
    """Number of the first class: 1 where the names of the classes begin with that of the background."""

    activation: Activation = "none"
    layout: PriorLayout | None = None
    priors: str = ""
    """The output with the prior boxes, where there is no layout."""

    y_first: bool = False
    name: str = "SSD"
    nms_iou: float | None = 0.45
    default_score: float = 0.3
    variances: tuple[float, float] = _VARIANCES

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        kept, scores, labels = self._best(rows(outputs, self.scores, self.channels), least)
        deltas = rows(outputs, self.deltas, 4)[kept]
        deltas = deltas[:, [1, 0, 3, 2]] if self.y_first else deltas
        priors = self._priors(outputs, input_size)[kept]
        return Candidates(from_priors(priors, deltas, self.variances), scores, labels + self.first_class)

    def _best(
        self, values: NDArray[np.float32], least: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        if self.activation == "softmax":
            return best_of_softmax(values, least, background=self.background)
        classes = values[:, 1:] if self.background == 0 else values[:, :-1]
        return (best_of_logits if self.activation == "sigmoid" else best_of_scores)(classes, least)

    def _priors(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int]) -> NDArray[np.float32]:
        if self.layout is not None:
            return self.layout.priors()
        return to_pixels(_written_priors(outputs[self.priors]), input_size)


def _written_priors(tensor: Tensor) -> NDArray[np.float32]:
    """Prior boxes cx, cy, w, h in shares of the input, shape (n, 4)."""
    values = np.asarray(tensor, np.float32)
    if not _is_caffes(values.shape):
        return values.reshape(-1, 4)
    corners = values[0, 0].reshape(-1, 4)
    return np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), axis=1)


def _is_caffes(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[:2] == (1, 2)


def recognize(evidence: Evidence) -> Ssd | None:
    """By priors in an output of their own, or by the number of boxes."""
    if evidence.input_size is None or len(evidence.outputs[0]) < 2:
        return None
    if all(tensor.ndim == 4 for tensor in evidence.outputs[0].values()):
        return _by_level(evidence, evidence.input_size)
    priors = _priors_output(evidence)
    found = _deltas_and_scores(evidence, priors)
    return None if found is None else _flat(evidence, *found, priors, evidence.input_size)


def _priors_output(evidence: Evidence) -> str:
    """The output that is the same for all samples and holds boxes in shares; empty if there is none."""
    for name, tensor in evidence.outputs[0].items():
        fits = _is_caffes(tensor.shape) or (tensor.ndim in (2, 3) and tensor.shape[-1] == 4)
        if not fits or tensor.size % 4 or any(not np.array_equal(tensor, each[name]) for each in evidence.outputs):
            continue
        boxes = _written_priors(tensor)
        # Sizes may be larger than the input, centres lie inside.
        if len(boxes) > 1 and are_scores(boxes[:, :2]) and bool(((boxes[:, 2:] > 0) & (boxes[:, 2:] < 3)).all()):
            return name
    return ""


def _deltas_and_scores(evidence: Evidence, priors: str) -> tuple[str, str] | None:
    """Names of both; None where the other outputs are not two lists of the same length."""
    outputs = {name: tensor for name, tensor in evidence.outputs[0].items() if name != priors}
    deltas = [name for name, tensor in outputs.items() if tensor.ndim == 3 and tensor.shape[2] == 4]
    if len(outputs) != 2 or not deltas:
        return None
    # With three classes and the background there are two such outputs; deltas are written first, or have a name.
    name = next((each for each in deltas if any(word in each.lower() for word in ("box", "loc", "bbox"))), deltas[0])
    (scores,) = outputs.keys() - {name}
    same = outputs[scores].ndim == 3 and outputs[scores].shape[1] == outputs[name].shape[1]
    return (name, scores) if same and outputs[scores].shape[2] > 1 else None


def _flat(evidence: Evidence, deltas: str, scores: str, priors: str, input_size: tuple[int, int]) -> Ssd | None:
    _, count, channels = evidence.outputs[0][scores].shape
    layout = None if priors else flat_layout(count, input_size, channels)
    if layout is None and (not priors or len(_written_priors(evidence.outputs[0][priors])) != count):
        return None
    if not _are_deltas(np.concatenate(samples(evidence, deltas))):
        return None
    activation = _activation(np.concatenate(samples(evidence, scores)), layout)
    return Ssd(
        (deltas,),
        (scores,),
        **_classes(evidence, channels),
        background=0,
        activation=activation,
        layout=layout,
        priors=priors,
        y_first=layout is TENSORFLOW,
        name="SSD" if layout is None else layout.name,
    )


def _are_deltas(values: NDArray[np.float32]) -> bool:
    """Some are negative; decoded corners would be none."""
    return bool((values < 0).any()) and not are_corners(values) and float(np.abs(values).max()) < _LARGEST_DELTA


def _activation(values: NDArray[np.float32], layout: PriorLayout | None) -> Activation:
    if are_scores(values):
        return "none"
    return "sigmoid" if layout is TENSORFLOW else "softmax"


def _classes(evidence: Evidence, channels: int) -> dict[str, Any]:
    """Fields of the head; names may include that of the background."""
    named = len(evidence.class_names) == channels
    return {"channels": channels, "class_count": channels - (not named), "first_class": int(named)}


def _by_level(evidence: Evidence, input_size: tuple[int, int]) -> Ssd | None:
    """MMDetection: the outputs with the scores of all levels, then those with the deltas."""
    names = tuple(evidence.outputs[0])
    half = len(names) // 2
    fitting = (
        layout
        for layout in BY_LEVEL
        if input_size == (layout.side, layout.side) and len(names) == 2 * len(layout.levels)
    )
    for layout in fitting:
        channels = _channels(evidence.outputs[0], names, layout)
        if channels is None or channels < 2:
            continue
        values = np.concatenate([rows(outputs, names[:half], channels) for outputs in evidence.outputs])
        return Ssd(
            names[half:],
            names[:half],
            channels - 1,
            channels,
            channels - 1,
            activation="none" if are_scores(values) and are_distributions(values) else "softmax",
            layout=layout,
            name=layout.name,
        )
    return None


def _channels(outputs: Mapping[str, Tensor], names: Sequence[str], layout: PriorLayout) -> int | None:
    """Number of classes with the background; None where the shapes are not those of the layout."""
    found = set()
    for index, level in enumerate(layout.levels):
        scores, deltas = outputs[names[index]].shape, outputs[names[index + len(layout.levels)]].shape
        boxes, grid = len(level.shapes), (level.grid, level.grid)
        if scores[2:] != grid or deltas[1:] != (4 * boxes, *grid) or scores[1] % boxes:
            return None
        found.add(scores[1] // boxes)
    return found.pop() if len(found) == 1 else None
