"""Detection: objects, their classes and where they are."""

from __future__ import annotations

from typing import ClassVar

from core.metrics.object_f1 import ObjectF1
from core.tasks.base import Evidence, TaskName, TaskOptions
from core.tasks.objects.metrics import ObjectAgreement, ObjectPrecision
from core.tasks.objects.object_task import ObjectTask, box_precision
from core.tasks.objects.recognition import recognize_objects
from core.tasks.objects.similarity import box_similarity


class Detection(ObjectTask):
    """Boxes, upright or rotated; the five landmarks of faces are handed on but not judged."""

    name: ClassVar[TaskName] = "detection"

    def agreement(self) -> ObjectAgreement:
        """F1 of boxes of the same class at an IoU of 0.5."""
        return ObjectAgreement(self.score, ObjectF1("box-f1"), box_similarity)

    def truth(self) -> ObjectPrecision:
        """MAP of boxes."""
        return ObjectPrecision(self.class_index, box_precision())


def recognize(evidence: Evidence, options: TaskOptions) -> Detection | None:
    """The task of a model that writes boxes and nothing else, or boxes of faces with their landmarks."""
    found = recognize_objects(evidence, options, "detection")
    if found is None:
        return None
    return Detection(found.head, class_names=found.class_names, options=found.options, reason=found.reason)
