"""Instance segmentation: objects, and which pixels belong to each."""

from __future__ import annotations

from typing import ClassVar

from core.job.comparison import Agreement
from core.metrics.average_precision import AveragePrecision
from core.metrics.object_f1 import ObjectF1
from core.tasks.base import Evidence, TaskName, TaskOptions
from core.tasks.objects.metrics import ObjectAgreement, ObjectPrecision, TruthKind
from core.tasks.objects.object_task import ObjectTask, box_precision
from core.tasks.objects.recognition import recognize_objects
from core.tasks.objects.similarity import Floats, box_similarity, mask_similarity, true_mask_similarity
from core.tasks.predictions import Detections


class InstanceSegmentation(ObjectTask):
    """Boxes with masks."""

    name: ClassVar[TaskName] = "instance-segmentation"
    # Each costs a mask of the size of the image; COCO counts no more of a class either.
    _most: ClassVar[int] = 100
    _masks: ClassVar[bool] = True

    def agreement(self) -> MaskAgreement:
        """F1 of masks of the same class at an IoU of 0.5."""
        return MaskAgreement(self.score)

    @staticmethod
    def _similarity(source: Detections, other: Detections) -> Floats:
        return mask_similarity(source, other)

    def truth(self) -> ObjectPrecision:
        """MAP of masks, where the labels have some, and of boxes."""
        masks = TruthKind(AveragePrecision(("mask-map-50-95", "mask-map-50")), true_mask_similarity)
        return ObjectPrecision(self.class_index, masks, box_precision())


class MaskAgreement:
    """F1 of masks; the F1 of their boxes is among the details as ``box_f1``.

    Args:
        score: least score of an object.
    """

    def __init__(self, score: float) -> None:
        self._masks = ObjectAgreement(score, ObjectF1("mask-f1"), mask_similarity)
        self._boxes = ObjectAgreement(score, ObjectF1("box-f1"), box_similarity)

    def update(self, source: Detections, other: Detections) -> float:
        """Add one image; F1 of its masks, 1 where neither found anything."""
        self._boxes.update(source, other)
        return self._masks.update(source, other)

    def compute(self) -> Agreement | None:
        """Over all images; None where neither model found anything."""
        boxes = self._boxes.compute()
        return None if boxes is None else self._masks.compute({"box_f1": boxes.value})


def recognize(evidence: Evidence, options: TaskOptions) -> InstanceSegmentation | None:
    """The task of a model that writes boxes with masks."""
    found = recognize_objects(evidence, options, "instance-segmentation")
    if found is None:
        return None
    return InstanceSegmentation(found.head, class_names=found.class_names, options=found.options, reason=found.reason)
