import pytest

from core.job.comparison import Accuracy
from core.metrics.classification import ClassificationMetrics
from core.tasks.base import Prediction


def test_agreement_compares_with_the_source_and_accuracy_with_the_labels():
    metrics = ClassificationMetrics()
    for own, source, truth in (
        ((3, 1, 2), (3, 2, 1), 3),  # agrees, and is right
        ((1, 3, 2), (3, 1, 2), 3),  # right among five only
        ((4, 3, 2), (4, 3, 2), 9),  # agrees, but both are wrong
        ((4, 3, 2), (4, 3, 2), None),  # not labelled
    ):
        metrics.update(Prediction(own), Prediction(source), truth)
    assert metrics.agreement == 3 / 4
    assert metrics.accuracy == Accuracy(top1=pytest.approx(1 / 3), top5=pytest.approx(2 / 3))


def test_without_classes_or_labels_there_is_no_figure():
    metrics = ClassificationMetrics()
    metrics.update(Prediction(), Prediction(), None)
    assert metrics.agreement is None and metrics.accuracy is None
