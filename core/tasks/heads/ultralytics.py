"""What Ultralytics writes into a model's metadata, and the values that follow boxes and scores in its outputs."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.output_checks import first_image

Kind: TypeAlias = Literal["boxes", "masks", "keypoints", "angle"]
"""What follows the boxes: nothing, weights of mask prototypes, keypoints, or the angle of a rotated box."""

_KINDS: Mapping[str, Kind] = {"detect": "boxes", "segment": "masks", "pose": "keypoints", "obb": "angle"}
_SUFFIXES: Mapping[Kind, str] = {"boxes": "", "masks": "-seg", "keypoints": "-pose", "angle": "-OBB"}


@dataclass(frozen=True)
class Extras:
    """The values of each box after its score and class."""

    kind: Kind = "boxes"
    count: int = 0
    """How many values."""

    point_size: int = 3
    """Keypoints: 3 for x, y and a score, 2 for x and y."""

    prototypes: str = ""
    """Masks: the output with the prototypes, of shape (1, prototypes, height, width)."""

    @property
    def suffix(self) -> str:
        """As Ultralytics names such models."""
        return _SUFFIXES[self.kind]

    def fields(self, values: NDArray[np.float32], outputs: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
        """The values, shape (n, count), by the names of the fields of :class:`~core.tasks.heads.base.Candidates`."""
        if self.kind == "masks":
            return {"mask_weights": values, "prototypes": first_image(outputs[self.prototypes])}
        if self.kind == "angle":
            return {"angles": values[:, 0]}
        if self.kind == "keypoints":
            points = values.reshape(len(values), self.count // self.point_size, self.point_size)
            # Where the model gives no score, every point counts.
            return {"keypoints": np.pad(points, ((0, 0), (0, 0), (0, 3 - self.point_size)), constant_values=1)}
        return {}

    def to_pixels(self, values: NDArray[np.float32], input_size: tuple[int, int]) -> NDArray[np.float32]:
        """The values with the keypoints in pixels, which were shares of an input of this height and width."""
        if self.kind != "keypoints":
            return values
        scale = np.array((input_size[1], input_size[0], 1), np.float32)[: self.point_size]
        return values * np.tile(scale, self.count // self.point_size)


NO_EXTRAS = Extras()


def stated_kind(evidence: Evidence) -> Kind | None:
    """By the task in the metadata; None where it is unknown or no detection."""
    return _KINDS.get(evidence.metadata.get("task", ""))


def is_other_task(evidence: Evidence) -> bool:
    """Whether the metadata names a task without boxes, such as ``classify``."""
    return bool(evidence.metadata.get("task")) and "ultralytics" in _description(evidence) and not stated_kind(evidence)


def family(evidence: Evidence, default: str) -> str:
    """The family by the metadata's description, such as ``YOLO11`` of ``Ultralytics YOLO11n model``."""
    found = re.search(r"yolo(v?\d+)", _description(evidence))
    return default if found is None else f"YOLO{found[1]}"


def has_rtdetr_decoder(evidence: Evidence) -> bool:
    """Whether the metadata says that it is Ultralytics' RT-DETR, whose boxes are cx, cy, w, h as shares."""
    return evidence.metadata.get("head") == "RTDETRDecoder" or "rtdetr" in _description(evidence).replace("-", "")


def point_size(evidence: Evidence, count: int) -> int:
    """Values for each keypoint: by ``kpt_shape`` in the metadata, else 3 where that divides their number."""
    try:
        shape: Any = literal_eval(evidence.metadata.get("kpt_shape", ""))
        points, size = int(shape[0]), int(shape[1])
    except (ValueError, SyntaxError, TypeError, IndexError, MemoryError, RecursionError):
        points, size = 0, 0
    if size in (2, 3) and points * size == count:
        return size
    return 3 if count % 3 == 0 else 2


def prototype_output(evidence: Evidence, count: int | None = None) -> str | None:
    """The output with mask prototypes: the only one of 4 axes, (1, prototypes, height, width).

    Args:
        evidence: the model and its outputs.
        count: number of prototypes; None where any, up to 64, will do.
    """
    maps = [name for name, tensor in evidence.outputs[0].items() if tensor.ndim == 4]
    if len(maps) != 1:
        return None
    channels = evidence.outputs[0][maps[0]].shape[1]
    return maps[0] if (channels == count if count is not None else 1 < channels <= 64) else None


def _description(evidence: Evidence) -> str:
    return evidence.metadata.get("description", "").lower()
