import numpy as np
import pytest

from core.common.text import say
from core.preprocessing import Placement
from core.tasks.embedding import Embedding

TASK = Embedding("y", reason=say("Done."))
RANDOM = np.random.default_rng(0)


def decoded(values):
    return TASK.decode({"y": np.asarray(values, np.float32)}, Placement.identity((1, 1)))


def test_vectors_get_the_length_1_and_tokens_are_averaged():
    assert decoded([[3.0, 4.0]]).vector.tolist() == pytest.approx([0.6, 0.8])
    assert decoded([[[1.0, 0.0], [1.0, 2.0]]]).vector.tolist() == pytest.approx([2**-0.5, 2**-0.5])
    assert decoded(np.full((1, 4, 1, 1), 2.0)).vector.tolist() == pytest.approx([0.5] * 4)


def test_agreement_counts_samples_that_keep_their_nearest_neighbour():
    before = [decoded(RANDOM.standard_normal((1, 16))) for _ in range(12)]
    after = [decoded(one.vector[None] + 0.3 * RANDOM.standard_normal((1, 16))) for one in before]
    metric = TASK.agreement()
    for one, other in zip(before, after, strict=True):
        assert metric.update(one, other) == pytest.approx(float(one.vector @ other.vector))

    def nearest(vectors, index):
        others = [place for place in range(len(vectors)) if place != index]
        return max(others, key=lambda place: float(vectors[place].vector @ vectors[index].vector))

    kept = np.mean([nearest(before, index) == nearest(after, index) for index in range(12)])
    agreement = metric.compute()
    assert 0 < agreement.value < 1 and agreement.value == pytest.approx(kept)
    assert 0 < agreement.details["same_decisions"] <= 1


def test_turning_all_vectors_alike_changes_nothing():
    turn, _ = np.linalg.qr(RANDOM.standard_normal((8, 8)))
    metric = TASK.agreement()
    for _ in range(5):
        vector = RANDOM.standard_normal((1, 8))
        metric.update(decoded(vector), decoded(vector @ turn))
    assert metric.compute().value == 1.0 and metric.compute().details["same_decisions"] == 1.0


def test_too_few_samples_or_one_vector_for_all_are_no_agreement():
    metric = TASK.agreement()
    for _ in range(2):
        metric.update(decoded([[1.0, 0.0]]), decoded([[1.0, 0.0]]))
    assert metric.compute() is None
    metric.update(decoded([[1.0, 0.0]]), decoded([[0.0, 1.0]]))
    assert metric.compute() is None


def test_memory_is_bounded():
    metric = TASK.agreement()
    for index in range(1003):
        angle = index * 0.001
        vector = decoded([[np.cos(angle), np.sin(angle)]])
        metric.update(vector, vector)
    agreement = metric.compute()
    assert (agreement.samples, agreement.value) == (1000, 1.0)
