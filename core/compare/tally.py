"""Count how often a model gives the right answer, and the source's answer."""

from __future__ import annotations

from dataclasses import dataclass

from core.outcome import Accuracy
from core.tasks.task import Answer


@dataclass
class Tally:
    """What one model answered so far."""

    inputs: int = 0
    ranked: int = 0
    """On how many of them the source chose a class."""

    same: int = 0
    """How often its first class was the source's."""

    labelled: int = 0
    first: int = 0
    """How often the true class came first."""

    among_five: int = 0

    def add(self, answer: Answer, source: Answer, truth: int | None) -> None:
        """Count one answer."""
        self.inputs += 1
        self.ranked += bool(source.ranking)
        self.same += answer.ranking[:1] == source.ranking[:1]
        if truth is not None:
            self.labelled += 1
            self.first += truth in answer.ranking[:1]
            self.among_five += truth in answer.ranking

    @property
    def agreement(self) -> float | None:
        """Share of inputs with the source's first class, for classifiers."""
        return self.same / self.inputs if self.ranked else None

    @property
    def accuracy(self) -> Accuracy | None:
        """Over the labelled inputs, if there were any."""
        if not self.labelled:
            return None
        return Accuracy(top1=self.first / self.labelled, top5=self.among_five / self.labelled)
