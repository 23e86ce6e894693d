"""Classification metrics: top-1 agreement with the source, and top-1 and top-5 accuracy against labels."""

from __future__ import annotations

from dataclasses import dataclass

from core.job.comparison import Accuracy
from core.tasks.base import Prediction


@dataclass
class ClassificationMetrics:
    """Counts over all samples on which one model was run so far."""

    samples: int = 0
    classified: int = 0
    """Samples for which the source predicted a class."""

    agreeing: int = 0
    """Samples with the same top-1 class as the source."""

    labelled: int = 0
    """Samples whose true class is known."""

    top1_correct: int = 0
    top5_correct: int = 0

    def update(self, prediction: Prediction, source: Prediction, truth: int | None) -> None:
        """Add one sample.

        Args:
            prediction: the model's.
            source: the source's, for the same sample.
            truth: index of the true class, where it is known.
        """
        self.samples += 1
        self.classified += bool(source.ranking)
        self.agreeing += prediction.ranking[:1] == source.ranking[:1]
        if truth is not None:
            self.labelled += 1
            self.top1_correct += truth in prediction.ranking[:1]
            self.top5_correct += truth in prediction.ranking

    @property
    def agreement(self) -> float | None:
        """Share of samples with the source's top-1 class, 0 to 1; None for models that do not classify."""
        return self.agreeing / self.samples if self.classified else None

    @property
    def accuracy(self) -> Accuracy | None:
        """Over the labelled samples, if there were any."""
        if not self.labelled:
            return None
        return Accuracy(top1=self.top1_correct / self.labelled, top5=self.top5_correct / self.labelled)
