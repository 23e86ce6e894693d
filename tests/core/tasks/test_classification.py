import numpy as np
import pytest

from core.tasks.classification import Classification, to_probabilities


def outputs(*scores, shape=None):
    return {"scores": np.array(scores, np.float32).reshape(shape or (1, len(scores)))}


def test_the_five_best_classes_come_best_first():
    prediction = Classification("scores").decode(outputs(0.1, 5, 3, 4, -1, 2, 1))
    assert prediction.ranking == (1, 3, 2, 5, 6) and prediction.label == "1"


def test_equal_scores_are_ranked_by_index_so_that_every_file_ranks_them_the_same():
    assert Classification("scores").decode(outputs(1, 2, 2, 2)).ranking == (1, 2, 3, 0)


def test_scores_with_trailing_axes_of_one_are_read_as_well():
    assert Classification("scores").decode(outputs(1, 3, 2, shape=(1, 3, 1, 1))).ranking == (1, 2, 0)


def test_logits_become_probabilities_and_probabilities_stay_as_they_are():
    logits = np.array([1.0, 2.0, 3.0])
    softmax = np.exp(logits) / np.exp(logits).sum()
    assert to_probabilities(logits) == pytest.approx(softmax)
    assert to_probabilities(softmax) == pytest.approx(softmax)
    assert Classification("scores").decode(outputs(1, 2, 3)).score == pytest.approx(softmax[2])


def test_large_logits_do_not_overflow():
    assert to_probabilities(np.array([1e4, 0.0], np.float32)) == pytest.approx([1, 0])


def test_the_models_own_names_label_its_classes():
    task = Classification("scores", names=("tench", "great_white shark"))
    assert task.decode(outputs(0, 1)).label == "great_white shark"
    assert (task.class_index(" Great White_Shark "), task.class_index("goldfish")) == (1, None)
    assert (task.class_name(0), task.class_name(7)) == ("tench", "7")


def test_folders_are_the_classes_in_alphabetical_order_where_the_model_has_no_names():
    task = Classification("scores", folders=("dog", "cat", "dog", "bird"))
    assert [task.class_index(name) for name in ("bird", "cat", "dog")] == [0, 1, 2]
    assert task.class_name(0) == "0"


def test_the_models_names_win_over_folders():
    task = Classification("scores", names=("dog", "cat"), folders=("cat", "dog"))
    assert task.class_index("dog") == 0


def test_a_number_that_is_a_class_name_means_that_class():
    task = Classification("scores", names=("5", "7", "9"))
    assert [task.class_index(label) for label in ("5", "7", "9")] == [0, 1, 2]


def test_a_number_that_is_no_class_name_is_the_index_itself():
    assert Classification("scores", names=("5", "7", "9")).class_index("2") == 2
    assert Classification("scores").class_index("3") == 3
    assert Classification("scores").class_index("-1") is None
