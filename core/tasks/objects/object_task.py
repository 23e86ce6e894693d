"""What a task that finds objects does whatever it finds besides their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from core.common.text import Text
from core.metrics.average_precision import AveragePrecision
from core.metrics.object_noise import object_noise
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, TaskOptions
from core.tasks.heads.base import Head, parameters
from core.tasks.objects.decoding import LEAST_SCORE, MOST_OBJECTS, decode_objects
from core.tasks.objects.metrics import TruthKind
from core.tasks.objects.outlines import outlines
from core.tasks.objects.similarity import Floats, box_similarity, true_box_similarity
from core.tasks.predictions import Detections

_DEFAULTS = TaskOptions()

STORED_SHARE = 0.5
"""Share of the threshold from which objects are stored."""

_MOST_DRAWN = 100

_EXPECTED = 10
"""Objects in an image for which the confidence is highest; COCO has seven on average."""


class ObjectTask:
    """Decoding, and everything about classes and boxes; the tasks add their names and metrics.

    Args:
        head: how the model writes its boxes.
        class_names: by index; empty where they are unknown.
        options: a score of None is the head's own.
        reason: why the model is taken for one of this task.
    """

    budget: ClassVar[Budget] = Budget(keeps=0.97, floor=0.5)
    _most: ClassVar[int] = MOST_OBJECTS
    _masks: ClassVar[bool] = False

    def __init__(
        self, head: Head, *, class_names: Sequence[str] = (), options: TaskOptions = _DEFAULTS, reason: Text
    ) -> None:
        self._head = head
        self.score: float = head.default_score if options.score is None else options.score
        self.options = replace(options, score=self.score)
        self.usual_score: float = head.default_score
        """The family's own."""

        self.reason = reason
        self.class_names = tuple(class_names)
        self._indices = {_normalized(name): index for index, name in enumerate(self.class_names)}

    def class_index(self, label: str) -> int | None:
        """Index of the class with this name; a number that is no class name is the index itself.

        None where the model has no such class. Case does not matter, and ``_`` is a space.
        """
        index = self._indices.get(_normalized(label))
        if index is None and label.strip().isdecimal():
            index = int(label)
        return index if index is not None and index < self._head.class_count else None

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The head with its parameters, the threshold, and how many objects count."""
        return {
            "head": parameters(self._head),
            "score": self.score,
            "most_objects": self._most,
            "has_masks": self._masks,
        }

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> Detections:
        """The objects in pixels of the image, the best first, the unsure ones too: average precision needs them.

        Args:
            outputs: of the source or of a file made from it.
            placement: where the image lies in the model's input.
        """
        least = min(LEAST_SCORE, self.score)
        return decode_objects(self._head, outputs, placement, least=least, most=self._most, masks=self._masks)

    def confidence(self, predictions: Sequence[Detections]) -> float:
        """Mean over the images of: the ten surest objects, less what there is beyond them.

        Right inputs give some sure objects. Of wrong ones the weak (too dark, too little contrast) give fewer and less
        sure ones; the strong (0 to 255 where 0 to 1 is meant) saturate the model, which then is sure of dozens to
        hundreds in every image. So scores count squared, up to ten of them, and all others count twice against them,
        by their fourth power, which spares the many unsure boxes that right inputs give too. The threshold does not
        matter, so that there is a best input even where nothing is sure. Where most images hold far more than ten sure
        objects, this is 0 for the right input too.
        """
        return sum(_confidence(prediction) for prediction in predictions) / max(len(predictions), 1)

    def noise(self, source: Detections, other: Detections) -> tuple[float, float]:
        """Of the objects, by scores and places: see :func:`core.metrics.object_noise.object_noise`."""
        return object_noise(self._similarity(source, other), source.scores, other.scores)

    @staticmethod
    def _similarity(source: Detections, other: Detections) -> Floats:
        """Shape (n, m), of the objects of two predictions, 0 between different classes."""
        return box_similarity(source, other)

    def to_json(self, prediction: Detections) -> dict[str, Any]:
        """The best objects, at most 100, numbers rounded to a tenth of a pixel.

        Down to half the score, so that the threshold can be moved to both sides where they are drawn.
        """
        shown = prediction.above(STORED_SHARE * self.score)
        shown = shown.take(np.arange(min(len(shown), _MOST_DRAWN)))
        data: dict[str, Any] = {
            "kind": "objects",
            "boxes": _rounded(shown.boxes, 1),
            "scores": _rounded(shown.scores, 6),  # a threshold must leave the same ones as it does here
            "classes": shown.classes.tolist(),
        }
        if shown.angles is not None:
            data["angles"] = _rounded(shown.angles, 3)
        if shown.keypoints is not None:
            data["keypoints"] = [
                [[round(x, 1), round(y, 1), round(score, 2)] for x, y, score in points]
                for points in shown.keypoints.astype(np.float64).tolist()
            ]
        if shown.masks is not None:
            data["polygons"] = [
                [[[round(x, 1), round(y, 1)] for x, y in ring] for ring in outlines(mask)] for mask in shown.masks
            ]
        return data


def box_precision() -> TruthKind:
    """MAP of boxes."""
    return TruthKind(AveragePrecision(("map-50-95", "map-50")), true_box_similarity)


def _confidence(prediction: Detections) -> float:
    scores = prediction.scores.astype(np.float64)
    expected, beyond = scores[:_EXPECTED], scores[_EXPECTED:]
    return max(0.0, float(np.square(expected).sum() - 2 * np.power(beyond, 4).sum()))


def _normalized(name: str) -> str:
    return name.strip().casefold().replace("_", " ")


def _rounded(values: Any, digits: int) -> Any:
    # In float64: 0.1 in float32 has more digits than JSON should hold.
    return np.round(values.astype(np.float64), digits).tolist()
