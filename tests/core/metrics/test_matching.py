import numpy as np

from core.metrics.matching import match, same_class


def test_the_most_similar_pair_goes_first_whatever_the_scores_are():
    similarity = np.array([[0.6, 0.9], [0.0, 0.8]])
    pairs = match(similarity, np.array([0.1, 0.9]), np.array([0.9, 0.1]), threshold=0.5)
    assert pairs.tolist() == [[0, 1]]


def test_the_threshold_itself_is_enough():
    scores = np.ones(1)
    assert len(match(np.full((1, 1), 0.5), scores, scores, threshold=0.5)) == 1
    assert len(match(np.full((1, 1), 0.4999), scores, scores, threshold=0.5)) == 0


def test_neither_the_order_of_the_objects_nor_which_set_comes_first_matters():
    generator = np.random.default_rng(0)
    for _ in range(50):
        # Coarse values, so that many pairs are equally similar.
        similarity = generator.integers(0, 5, (6, 5)) / 4
        scores, others = generator.random(6), generator.random(5)
        pairs = {tuple(pair) for pair in match(similarity, scores, others, threshold=0.5).tolist()}
        rows, columns = generator.permutation(6), generator.permutation(5)
        shuffled = match(similarity[np.ix_(rows, columns)], scores[rows], others[columns], threshold=0.5)
        assert {(rows[row], columns[column]) for row, column in shuffled} == pairs
        swapped = match(similarity.T, others, scores, threshold=0.5)
        assert {(row, column) for column, row in swapped.tolist()} == pairs


def test_equally_similar_pairs_go_by_the_difference_of_their_scores():
    similarity = np.ones((2, 2))
    assert match(similarity, np.array([0.9, 0.5]), np.array([0.52, 0.88]), threshold=0.5).tolist() in (
        [[0, 1], [1, 0]],
        [[1, 0], [0, 1]],
    )


def test_nothing_matches_nothing():
    assert match(np.zeros((0, 3)), np.zeros(0), np.zeros(3), threshold=0.5).shape == (0, 2)


def test_classes_are_compared_pair_by_pair():
    assert same_class(np.array([1, 2]), np.array([2, 2, 1])).tolist() == [[False, False, True], [True, True, False]]
