import numpy as np
import pytest

from core.tasks.heads.activations import best_of_logits, best_of_scores, best_of_softmax, logit, sigmoid, softmax

VALUES = np.random.default_rng(0).normal(0, 3, (200, 6)).astype(np.float32)


def test_sigmoid_and_logit_are_inverse():
    shares = [0.001, 0.25, 0.5, 0.999]
    assert sigmoid(np.array([logit(share) for share in shares], np.float32)) == pytest.approx(shares, rel=1e-5)
    assert (logit(0), logit(1)) == (-np.inf, np.inf)
    assert sigmoid(np.array([-1e9, 1e9], np.float32)).tolist() == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.9, 1.1])
def test_rows_are_kept_by_their_best_score(least):
    shares = 1 / (1 + np.exp(-VALUES))
    for kept, scores, classes in (best_of_scores(shares, least), best_of_logits(VALUES, least)):
        assert kept.tolist() == [index for index, row in enumerate(shares) if max(row) >= least]
        assert scores == pytest.approx([max(shares[index]) for index in kept], abs=1e-6)
        assert classes.tolist() == [int(np.argmax(shares[index])) for index in kept]


@pytest.mark.parametrize("background", [0, 5])
@pytest.mark.parametrize("least", [0.0, 0.1, 0.6, 1.1])
def test_the_background_never_wins(background, least):
    kept, scores, classes = best_of_softmax(VALUES, least, background=background)
    shares = np.delete(softmax(VALUES), background, axis=1)
    assert kept.tolist() == [index for index, row in enumerate(shares) if max(row) >= least]
    assert scores == pytest.approx([max(shares[index]) for index in kept], abs=1e-6)
    assert classes.tolist() == [int(np.argmax(shares[index])) for index in kept]
