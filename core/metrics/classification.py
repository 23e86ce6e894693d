"""Classification metrics: agreement with the source (top-1), and accuracy against labels (top-1, top-5)."""

from __future__ import annotations

from dataclasses import dataclass

from core.job.comparison import Accuracy
from core.tasks.base import Prediction


@dataclass
class ClassificationMetrics:
    """Counts over all samples that one model was run on so far."""

    samples: int = 0
    classified: int = 0
    """On how many of them the source predicted a class."""

    agreeing: int = 0
    """How often its first class was the source's."""

    labelled: int = 0
    """On how many of them the true class is known."""

    first: int = 0
    """How often the true class came first."""

    among_five: int = 0

    def update(self, prediction: Prediction, source: Prediction, truth: int | None) -> None:
        """Count one sample.

        Args:
            prediction: of the model.
            source: of the source model.
            truth: index of the true class, where it is known.
        """
        self.samples += 1
        self.classified += bool(source.ranking)
        self.agreeing += prediction.ranking[:1] == source.ranking[:1]
        if truth is not None:
            self.labelled += 1
            self.first += truth in prediction.ranking[:1]
            self.among_five += truth in prediction.ranking

    @property
    def agreement(self) -> float | None:
        """Share of samples with the source's first class, 0 to 1; None for models that are no classifiers."""
        return self.agreeing / self.samples if self.classified else None

    @property
    def accuracy(self) -> Accuracy | None:
        """Over the labelled samples, if there were any."""
        if not self.labelled:
            return None
        return Accuracy(top1=self.first / self.labelled, top5=self.among_five / self.labelled)
