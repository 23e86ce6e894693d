"""Keypoints of one person, face or hand: from heatmaps, SimCC or coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common.text import Text, plural
from core.job.comparison import TruthFigure
from core.job.task_name import TaskName
from core.metrics.average_precision import AveragePrecision
from core.metrics.oks import oks, oks_sigmas
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions, TruthMetric
from core.tasks.mean_metrics import Compared, MeanAgreement, MeanTruth
from core.tasks.point_decoders import PointDecoder, find_decoder
from core.tasks.predictions import Keypoints, ObjectTruth, Truth

_LEAST_EXTENT = 0.1
"""Of the image's own size: points that all lie in one place would make every distance infinite."""

_MOVED = 0.05
"""Share of the extent from which a point counts as moved."""


class KeypointDetection:
    """The points of the one person, face or hand that an image was cropped to.

    Args:
        decoder: of the model's outputs.
        count: number of points.
        reason: why the model is taken for one of keypoints.
    """

    name: ClassVar[TaskName] = "keypoints"
    noise: ClassVar[None] = None  # that of the maps says it
    budget: ClassVar[Budget] = Budget(keeps=0.97, floor=0.7)
    options = TaskOptions()

    def __init__(self, decoder: PointDecoder, count: int, *, reason: Text) -> None:
        self._decoder = decoder
        self.point_count = count
        self._sigmas = oks_sigmas(count)
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """How the points are written, and in which outputs."""
        return {"decoder": self._decoder.parameters}

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> Keypoints:
        """The points in pixels of the image."""
        points, scores = self._decoder(outputs, placement.input_size)
        found = placement.points_to_image(points)
        height, width = placement.image_size
        extent = float(np.sqrt(np.prod(np.ptp(found, axis=0)))) if len(found) else 0.0
        return Keypoints(found, scores, max(extent, _LEAST_EXTENT * float(np.sqrt(height * width))))

    def agreement(self) -> MeanAgreement[Keypoints]:
        """Object keypoint similarity to the source's points, each by the source's score: hidden ones are anywhere."""
        return MeanAgreement("oks", self._compare)

    def truth(self) -> KeypointPrecision:
        """Average precision by OKS and mean OKS, on images that show one object."""
        return KeypointPrecision(self._sigmas)

    def confidence(self, predictions: Sequence[Keypoints]) -> float:
        """Mean score of the points: the height of the peaks."""
        return float(np.mean([prediction.scores.mean() for prediction in predictions])) if predictions else 0.0

    def to_json(self, prediction: Keypoints) -> dict[str, Any]:
        """The points, rounded to a tenth of a pixel."""
        return {
            "kind": "points",
            "points": np.round(prediction.points.astype(np.float64), 1).tolist(),
            "scores": np.round(prediction.scores.astype(np.float64), 3).tolist(),
        }

    def _compare(self, source: Keypoints, other: Keypoints) -> Compared:
        distances = np.linalg.norm(source.points - other.points, axis=1)
        details = {
            "mean_distance": float(distances.mean()),
            "moved_points": float((distances > _MOVED * source.extent).mean()),
        }
        weights = np.maximum(source.scores.astype(np.float64), 0.0)
        if not weights.any():
            weights = np.ones_like(weights)
        areas = np.full(len(weights), source.extent**2)
        # Each row has one point that counts, so that this is the similarity of each point by itself.
        rows = np.broadcast_to(source.points, (len(weights), *source.points.shape))
        each = oks(rows, other.points[None], areas, counted=np.eye(len(weights), dtype=np.bool_), sigmas=self._sigmas)
        return float(np.average(each[:, 0], weights=weights)), len(distances), details


class KeypointPrecision:
    """COCO's average precision by OKS, and mean OKS: each object is an image of its own, with one prediction.

    So the box of each object is the labelled one, and no prediction can take the place of another's, as it may where
    objects overlap and COCO's evaluation sees them in one image.

    Args:
        sigmas: of the points, as for :func:`core.metrics.oks.oks`.
    """

    def __init__(self, sigmas: NDArray[np.float64]) -> None:
        self._sigmas = sigmas
        self._precision = AveragePrecision(("oks-ap", "oks-ap-50"))
        self._mean: MeanTruth[float] = MeanTruth(("oks",), lambda similarity, _: (similarity,))

    def update(self, prediction: Keypoints, truth: Truth) -> None:
        """Add one image; it counts where the labels say where one object's points are."""
        similarity = self._similarity(prediction, truth)
        if similarity is None:
            return
        score, one = np.array([prediction.scores.mean()]), np.zeros(1, np.int64)
        self._precision.update(score, one, one, np.array([[similarity]]), crowd=np.zeros(1, np.bool_))
        self._mean.update(similarity, truth)

    def compute(self, source: TruthMetric[Any] | None = None) -> tuple[TruthFigure, ...]:
        """Average precision, that at 0.5, and the mean.

        Args:
            source: the source's own, over the same images.
        """
        other = source if isinstance(source, KeypointPrecision) else None
        precision = self._precision.compute(None if other is None else other._precision)
        return (*precision, *self._mean.compute(None if other is None else other._mean))

    def _similarity(self, prediction: Keypoints, truth: Truth) -> float | None:
        if not isinstance(truth, ObjectTruth) or truth.keypoints is None or len(truth.keypoints) != 1:
            return None
        points = truth.keypoints[0]
        if len(points) != len(prediction.points) or not (points[:, 2] > 0).any():
            return None
        counted = points[None, :, 2] > 0
        score = oks(points[None], prediction.points[None], truth.areas[:1], counted=counted, sigmas=self._sigmas)
        return float(score[0, 0])


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> KeypointDetection | None:
    """A model that takes images and gives SimCC, one heatmap for each point, or coordinates that are called so.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it gives points: then any maps or pairs of numbers will do.
    """
    found = find_decoder(evidence, is_chosen=is_chosen)
    if found is None:
        return None
    decoder, count = found
    reason = plural("It gives {count} point.", "It gives {count} points.", count=count)
    return KeypointDetection(decoder, count, reason=reason)
