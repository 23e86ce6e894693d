"""What models predict and what labels say, decoded: one frozen dataclass for each kind, in the image's own pixels.

Boxes are ``x1, y1, x2, y2`` in pixels from the upper left corner of the image as it was before preprocessing; masks are
run-length encoded as in COCO (:mod:`pycocotools.mask`), which is small, and fast to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = Mapping[str, Any]
"""A binary mask of the size of the image, as :func:`pycocotools.mask.encode` gives it."""


@dataclass(frozen=True)
class ClassScores:
    """Classification: the best classes of an image."""

    ranking: tuple[int, ...]
    """The top-5 classes, best first."""

    probability: float
    """Of the best class, 0 to 1."""

    present: frozenset[int] | None = None
    """Multi-label models: all classes above the threshold; None for models of which one class is the answer."""

    probabilities: tuple[float, ...] = ()
    """Of the classes in :attr:`ranking`."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Detection, instance segmentation and pose: the objects of an image, in the order of their scores."""

    boxes: NDArray[np.float32]
    """Shape (objects, 4): x1, y1, x2, y2 in pixels of the image."""

    scores: NDArray[np.float32]
    """Shape (objects,), 0 to 1, descending."""

    classes: NDArray[np.int64]
    """Shape (objects,): indices of the model's classes."""

    angles: NDArray[np.float32] | None = None
    """Rotated boxes: shape (objects,), radians clockwise; ``boxes`` are the unrotated ones about the same centre."""

    masks: tuple[Mask, ...] | None = None
    """Instance segmentation: one for each object."""

    keypoints: NDArray[np.float32] | None = None
    """Pose: shape (objects, points, 3): x, y in pixels of the image, and the score of the point."""

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> Detections:
        """Those with at least this score."""
        return self.take(np.flatnonzero(self.scores >= score))

    def take(self, indices: NDArray[np.int64]) -> Detections:
        """Those of these indices, in this order."""
        return Detections(
            self.boxes[indices],
            self.scores[indices],
            self.classes[indices],
            None if self.angles is None else self.angles[indices],
            None if self.masks is None else tuple(self.masks[index] for index in indices),
            None if self.keypoints is None else self.keypoints[indices],
        )


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of the one person, face or hand in the image."""

    points: NDArray[np.float32]
    """Shape (points, 2): x, y in pixels of the image."""

    scores: NDArray[np.float32]
    """Shape (points,), 0 to 1."""

    extent: float
    """Square root of the area, in pixels of the image, to which distances are put in relation."""


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Segmentation: the class of every pixel, in the pixels of the model's output."""

    classes: NDArray[np.int32]
    """Shape (height, width): index of the class."""

    region: tuple[float, float, float, float]
    """Part of the map that is the image, as shares of its width and height: left, top, right, bottom. Less than
    (0, 0, 1, 1) where the image was letterboxed, more where it was cropped."""

    image_size: tuple[int, int]
    """Height and width of the image."""


@dataclass(frozen=True)
class RecognizedText:
    """Text recognition: what stands in the image."""

    text: str
    score: float
    """Mean probability of the characters, 0 to 1."""

    characters: tuple[str, ...] = ()
    """The characters one by one: where the names of the characters are unknown, their numbers."""


@dataclass(frozen=True, eq=False)
class EmbeddingVector:
    """Embedding: a vector whose direction says what is alike."""

    vector: NDArray[np.float32]
    """Shape (dimensions,), of length 1."""


@dataclass(frozen=True, eq=False)
class OutputImage:
    """Image to image: super-resolution, denoising, depth."""

    pixels: NDArray[np.float32]
    """Shape (height, width, channels), in the unit of the model's output."""


@dataclass(frozen=True, eq=False)
class ScoresOverTime:
    """One decision or more from scores between 0 and 1: voice activity, wake words, events."""

    scores: NDArray[np.float32]
    """Of any shape, 0 to 1."""


@dataclass(frozen=True)
class NoPrediction:
    """Nothing was decoded."""


Prediction: TypeAlias = (
    ClassScores
    | Detections
    | Keypoints
    | ClassMap
    | RecognizedText
    | EmbeddingVector
    | OutputImage
    | ScoresOverTime
    | NoPrediction
)


@dataclass(frozen=True)
class ClassTruth:
    """Label of a whole image."""

    label: str
    """A class name, a folder name or a class index."""

    others: tuple[str, ...] = ()
    """Further ones, where several are in the image."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them; none where the label is empty, as of a picture without any of the classes."""
        return tuple(label for label in (self.label, *self.others) if label)


@dataclass(frozen=True, eq=False)
class ObjectTruth:
    """The labelled objects of an image."""

    boxes: NDArray[np.float32]
    """Shape (objects, 4): x1, y1, x2, y2 in pixels of the image."""

    labels: tuple[str, ...]
    """One for each object: a class name, or a class index where the labels have no names."""

    crowd: NDArray[np.bool_]
    """Shape (objects,): groups of objects, which count neither as found nor as missed (``iscrowd`` in COCO)."""

    areas: NDArray[np.float32]
    """Shape (objects,): in square pixels; of the mask where there is one."""

    masks: tuple[Mask, ...] | None = None
    keypoints: NDArray[np.float32] | None = None
    """Shape (objects, points, 3): x, y in pixels, and 0 not labelled, 1 hidden, 2 visible."""

    point_counts: tuple[int, ...] | None = None
    """How many points the labels have for each object, where that differs; the table is as wide as the most."""


@dataclass(frozen=True, eq=False)
class MaskTruth:
    """The labelled class of every pixel."""

    classes: NDArray[np.int32]
    """Shape (height, width) of the image; negative where a pixel does not count."""


@dataclass(frozen=True)
class TextTruth:
    """The text in an image."""

    text: str


Truth: TypeAlias = ClassTruth | ObjectTruth | MaskTruth | TextTruth
