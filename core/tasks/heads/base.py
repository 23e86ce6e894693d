"""What every head offers: decode the raw outputs of a detector into boxes before non-maximum suppression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one image with their best class, before non-maximum suppression, in any order."""

    boxes: NDArray[np.float32]
    """Shape (n, 4): x1, y1, x2, y2 in pixels of the model's input."""

    scores: NDArray[np.float32]
    """Shape (n,), 0 to 1."""

    classes: NDArray[np.int64]
    """Shape (n,)."""

    angles: NDArray[np.float32] | None = None
    """Rotated boxes: shape (n,), radians clockwise about the centre of the box."""

    keypoints: NDArray[np.float32] | None = None
    """Shape (n, points, 3): x, y in pixels of the model's input, and the score of the point, 0 to 1."""

    mask_weights: NDArray[np.float32] | None = None
    """Instance segmentation: shape (n, prototypes); a mask is sigmoid(weights @ prototypes) above 0.5."""

    prototypes: NDArray[np.float32] | None = None
    """Shape (prototypes, height, width); covers the whole input."""

    mask_logits: NDArray[np.float32] | None = None
    """Instead of the two above: shape (n, height, width), one mask for each box over the whole input."""


class Head(Protocol):
    """One way in which detectors write their boxes."""

    @property
    def name(self) -> str:
        """As people call the family: ``YOLOv8``."""

    @property
    def class_count(self) -> int:
        """Number of classes."""

    @property
    def nms_iou(self) -> float | None:
        """IoU above which the weaker one of two boxes of a class is dropped, as the family's own code has it; None
        where the model has suppressed already.
        """

    @property
    def default_score(self) -> float:
        """Least score of an object, as the family's own code shows them."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """Decode the outputs for one image.

        Args:
            outputs: of the model; where the batch is larger than 1, the first image counts.
            input_size: height and width of the model's input.
            least: boxes with a lower score are left out, before any costly step.
        """


def parameters(head: Head) -> dict[str, Any]:
    """Everything by which a head decodes, as plain data: the module of its family, and its fields.

    So a head is a dataclass, and what its family has as constants (strides, anchors, variances) are fields too.
    """
    assert is_dataclass(head) and not isinstance(head, type)
    return {"module": type(head).__module__.rpartition(".")[2], **asdict(head)}
