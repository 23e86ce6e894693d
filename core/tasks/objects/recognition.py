"""Find out whether a model finds objects, what it says of them, and from which score on they are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from core.common.text import Text, say
from core.tasks.base import Evidence, TaskOptions
from core.tasks.heads.base import Candidates, Head
from core.tasks.heads.recognize_head import recognize_head
from core.tasks.objects.decoding import objects_in_input

ObjectTaskName: TypeAlias = Literal["detection", "instance-segmentation", "pose"]

_LOWER_SCORES = (0.25, 0.1, 0.05, 0.02, 0.01)
"""Tried from the highest down where nothing reaches the family's own."""

_FACE_LANDMARKS = 5
"""Eyes, nose and corners of the mouth; models with more points, or with points of persons, estimate poses."""

_REASONS = {
    "detection": say("It writes boxes with scores as {head} models do.", head=""),
    "instance-segmentation": say("It writes boxes with masks as {head} models do.", head=""),
    "pose": say("It writes boxes with joints as {head} models do.", head=""),
}


_LOWERED = say(
    "{reason} Nothing in the pictures that were looked at reaches its usual score of {usual}, so objects count from "
    "{score} on.",
    reason="",
    usual="",
    score="",
)


@dataclass(frozen=True)
class RecognizedObjects:
    """The arguments of an object task."""

    head: Head
    class_names: tuple[str, ...]
    options: TaskOptions
    reason: Text


def recognize_objects(evidence: Evidence, options: TaskOptions, task: ObjectTaskName) -> RecognizedObjects | None:
    """What is needed for the task; None if the model is not one of it.

    Where the source finds nothing on any sample at the family's own score, a lower one is taken: the highest at which
    it finds one object a sample on average. Else nothing could be compared.

    Args:
        evidence: of the source.
        options: as the person wants them; a score is used as it is.
        task: what is looked for.
    """
    head = None if evidence.input_size is None else recognize_head(evidence)
    if head is None or evidence.input_size is None:
        return None
    names = evidence.class_names if len(evidence.class_names) == head.class_count else ()
    if _task_of(head.decode(evidence.outputs[0], evidence.input_size, least=0.0), names) != task:
        return None
    reason = replace(_REASONS[task], values={"head": head.name})
    if options.score is not None:
        return RecognizedObjects(head, names, options, reason)
    score = _score(head, evidence, evidence.input_size)
    if score < head.default_score and not evidence.is_synthetic:
        reason = replace(_LOWERED, values={"reason": reason, "usual": head.default_score, "score": score})
    return RecognizedObjects(head, names, replace(options, score=score), reason)


def without_score(reason: Text) -> Text:
    """Why a task was recognised, without what was said about the score: for a person who has chosen one."""
    if reason.template != _LOWERED.template:
        return reason
    found = reason.values["reason"]
    assert isinstance(found, Text)
    return found


def _task_of(candidates: Candidates, class_names: tuple[str, ...]) -> ObjectTaskName:
    if candidates.mask_weights is not None or candidates.mask_logits is not None:
        return "instance-segmentation"
    points = 0 if candidates.keypoints is None else candidates.keypoints.shape[1]
    persons = [name.casefold() for name in class_names] == ["person"]
    return "pose" if points > _FACE_LANDMARKS or (points and persons) else "detection"


def _score(head: Head, evidence: Evidence, input_size: tuple[int, int]) -> float:
    found = [objects_in_input(head, outputs, input_size).scores for outputs in evidence.outputs]
    scores = np.concatenate(found)
    if (scores >= head.default_score).any():
        return head.default_score
    lower = (score for score in _LOWER_SCORES if score < head.default_score)
    return next((score for score in lower if (scores >= score).sum() >= len(found)), head.default_score)
