"""Pose: people, or other jointed things, with the points of their bodies."""

from __future__ import annotations

from typing import ClassVar

from core.metrics.average_precision import AveragePrecision
from core.metrics.object_f1 import ObjectF1
from core.tasks.base import Evidence, TaskName, TaskOptions
from core.tasks.objects.metrics import ObjectAgreement, ObjectPrecision, TruthKind
from core.tasks.objects.object_task import ObjectTask, box_precision
from core.tasks.objects.recognition import recognize_objects
from core.tasks.objects.similarity import Floats, pose_similarity, true_pose_similarity, without_points
from core.tasks.predictions import Detections

_MOST_POSES = 20
"""That COCO counts in an image."""


class Pose(ObjectTask):
    """Boxes with keypoints."""

    name: ClassVar[TaskName] = "pose"

    def agreement(self) -> ObjectAgreement:
        """F1 of poses of the same class at an OKS of 0.5."""
        return ObjectAgreement(self.score, ObjectF1("pose-f1", similarity="mean_oks"), pose_similarity)

    @staticmethod
    def _similarity(source: Detections, other: Detections) -> Floats:
        return pose_similarity(source, other)

    def truth(self) -> ObjectPrecision:
        """Average precision by OKS, where the labels have points, and mAP of boxes."""
        precision = AveragePrecision(("oks-ap", "oks-ap-50"), most=_MOST_POSES)
        poses = TruthKind(precision, true_pose_similarity, without_points)
        return ObjectPrecision(self.class_index, poses, box_precision())


def recognize(evidence: Evidence, options: TaskOptions) -> Pose | None:
    """The task of a model that writes boxes with more points than a face has, or with points of persons."""
    found = recognize_objects(evidence, options, "pose")
    if found is None:
        return None
    return Pose(found.head, class_names=found.class_names, options=found.options, reason=found.reason)
