"""Scores: probabilities of something being there, in sound, in a picture or over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from core.common.text import Text, say
from core.job.task_name import TaskName
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.mean_metrics import Compared, MeanAgreement
from core.tasks.predictions import ScoresOverTime

_DEFAULTS = TaskOptions()
_DEFAULT_SCORE = 0.5
_STORED = 16
_SQUASHING = frozenset({"Sigmoid", "Softmax", "HardSigmoid", "Clip"})
"""Without any of these operators it is chance that numbers lie between 0 and 1."""


class Scores:
    """Decisions by a threshold.

    Args:
        outputs: names of the outputs that hold probabilities.
        options: a score of None is 0.5.
        reason: why the outputs are taken for probabilities.
    """

    name: ClassVar[TaskName] = "scores"
    noise: ClassVar[None] = None  # that of the scores says it
    budget: ClassVar[Budget] = Budget(keeps=0.98, floor=0.7)

    def __init__(self, outputs: Sequence[str], *, options: TaskOptions = _DEFAULTS, reason: Text) -> None:
        self._outputs = tuple(outputs)
        self._threshold = _DEFAULT_SCORE if options.score is None else options.score
        self.options = replace(options, score=self._threshold)
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The outputs and the threshold."""
        return {"outputs": list(self._outputs), "score": self._threshold}

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> ScoresOverTime:
        """All probabilities in one row."""
        return ScoresOverTime(np.concatenate([outputs[name].ravel() for name in self._outputs]).astype(np.float32))

    def agreement(self) -> MeanAgreement[ScoresOverTime]:
        """Share of decisions that are the source's."""
        return MeanAgreement("same-decisions", self._compare)

    def truth(self) -> None:
        """Labels of this kind are not read."""
        return

    def confidence(self, predictions: Sequence[ScoresOverTime]) -> float:
        """Scores tell nothing about the input."""
        return 0.0

    def to_json(self, prediction: ScoresOverTime) -> dict[str, Any]:
        """The first scores."""
        first = prediction.scores[:_STORED].astype(np.float64)
        return {"kind": "scores", "scores": np.round(first, 4).tolist()}

    def _compare(self, source: ScoresOverTime, other: ScoresOverTime) -> Compared:
        before, after = source.scores >= self._threshold, other.scores >= self._threshold
        details = {
            "mean_difference": float(np.abs(source.scores - other.scores).mean()),
            "events": float(before.sum()),
        }
        return float((before == after).mean()), int((before | after).sum()), details


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> Scores | None:
    """A model of which an output lies between 0 and 1 for every sample.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that these are scores: then no operator need show it.
    """
    if not is_chosen and not _SQUASHING & set(evidence.source.operators):
        return None
    names = [name for name in evidence.outputs[0] if all(_are_scores(sample[name]) for sample in evidence.outputs)]
    if not names:
        return None
    return Scores(names, options=options, reason=say("Its numbers lie between 0 and 1, as probabilities do."))


def _are_scores(tensor: Tensor) -> bool:
    is_float = np.issubdtype(tensor.dtype, np.floating)
    return bool(is_float and tensor.size and tensor.min() >= 0.0 and 0.0 < tensor.max() <= 1.0)
