import numpy as np
import pytest

from core.preprocessing import Placement
from core.tasks.classification import Classification, log_inception_score, to_probabilities
from core.tasks.predictions import ClassTruth, ObjectTruth, TextTruth

NOWHERE = Placement.identity((1, 1))


def decoded(task, tensors):
    return task.decode(tensors, NOWHERE)


def outputs(*scores, shape=None):
    return {"scores": np.array(scores, np.float32).reshape(shape or (1, len(scores)))}


def test_the_five_best_classes_come_best_first():
    assert decoded(Classification("scores"), outputs(0.1, 5, 3, 4, -1, 2, 1)).ranking == (1, 3, 2, 5, 6)


def test_equal_scores_are_ranked_by_index_so_that_every_file_ranks_them_the_same():
    assert decoded(Classification("scores"), outputs(1, 2, 2, 2)).ranking == (1, 2, 3, 0)


def test_scores_with_trailing_axes_of_one_are_read_as_well():
    assert decoded(Classification("scores"), outputs(1, 3, 2, shape=(1, 3, 1, 1))).ranking == (1, 2, 0)


def test_logits_become_probabilities_and_probabilities_stay_as_they_are():
    logits = np.array([1.0, 2.0, 3.0])
    softmax = np.exp(logits) / np.exp(logits).sum()
    assert to_probabilities(logits) == pytest.approx(softmax)
    assert to_probabilities(softmax) == pytest.approx(softmax)
    assert decoded(Classification("scores"), outputs(1, 2, 3)).probability == pytest.approx(softmax[2])


def test_large_logits_do_not_overflow():
    assert to_probabilities(np.array([1e4, 0.0], np.float32)) == pytest.approx([1, 0])


def test_the_models_own_names_label_its_classes():
    task = Classification("scores", names=("tench", "great_white shark"))
    assert task.to_json(decoded(task, outputs(0, 9)))["label"] == "great_white shark"
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


def test_several_classes_may_be_present_where_scores_are_independent():
    task = Classification("scores", names=("cat", "dog", "eel"), multi_label=True)
    first, second = (decoded(task, outputs(*scores)) for scores in ((0.9, 0.6, 0.1), (0.9, 0.4, 0.1)))
    assert first.present == {0, 1} and task.to_json(first)["present"] == ["cat", "dog"]
    metric = task.agreement()
    assert metric.update(first, second) == pytest.approx(2 / 3)
    agreement = metric.compute()
    assert (agreement.metric, agreement.counted) == ("same-labels", 2)


def test_agreement_is_the_share_with_the_same_best_class_in_wilsons_interval():
    task = Classification("scores")
    same, other = decoded(task, outputs(1, 2, 3)), decoded(task, outputs(3, 2, 1))
    metric = task.agreement()
    assert [metric.update(same, one) for one in (same, same, same, other)] == [1, 1, 1, 0]
    agreement = metric.compute()
    assert (agreement.metric, agreement.value, agreement.samples) == ("top-1", 0.75, 4)
    # Wilson's interval of 3 of 4, computed by hand.
    assert (agreement.low, agreement.high) == (pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4))


def test_accuracy_counts_labels_of_known_classes_and_compares_sample_by_sample():
    task = Classification("scores", names=("cat", "dog", "eel", "fox", "gnu", "hen"))
    right, wrong = decoded(task, outputs(9, 1, 2, 3, 4, 0)), decoded(task, outputs(0, 9, 8, 7, 6, 5))
    source, other = task.truth(), task.truth()
    for truth in (ClassTruth("cat"), ClassTruth("cat"), ClassTruth("unknown"), TextTruth("cat")):
        source.update(right, truth)
        other.update(wrong, truth)
    first, fifth = other.compute(source)
    assert (first.metric, first.value, first.samples, first.difference) == ("top-1", 0.0, 2, -1.0)
    assert (fifth.metric, fifth.value, fifth.difference) == ("top-5", 0.0, -1.0)
    assert [figure.value for figure in source.compute()] == [1.0, 1.0] and task.truth().compute() == ()


def test_the_inception_score_is_high_for_confident_and_varied_predictions():
    assert log_inception_score(np.eye(3)) == pytest.approx(np.log(3))
    assert log_inception_score(np.eye(3)[[0, 0, 0]]) == pytest.approx(0.0)
    assert log_inception_score(np.full((3, 3), 1 / 3)) == pytest.approx(0.0)


def test_confidence_is_highest_for_sure_and_varied_predictions():
    task = Classification("scores")
    sure = [decoded(task, outputs(*row)) for row in 20 * np.eye(3)]
    unsure = [decoded(task, outputs(*row)) for row in 2 * np.eye(3)]
    assert task.confidence(sure) > 0.99
    assert 0.99 > task.confidence(unsure) > task.confidence(sure[:1] * 3) == 0.0


def test_the_answer_is_right_if_it_is_any_of_the_images_labels():
    task = Classification("scores", names=("cat", "dog", "eel", "fox", "gnu", "hen", "ibis"))
    metric = task.truth()
    metric.update(decoded(task, outputs(0, 9, 8, 7, 6, 5, 1)), ClassTruth("cat", ("dog",)))
    metric.update(decoded(task, outputs(0, 9, 8, 7, 6, 5, 1)), ClassTruth("cat", ("unknown",)))
    assert [figure.value for figure in metric.compute()] == [0.5, 0.5]


def test_several_labels_are_scored_by_f1_and_labelled_objects_say_them_too():
    task = Classification("scores", names=("cat", "dog", "eel"), multi_label=True)
    metric = task.truth()
    both = decoded(task, outputs(0.9, 0.6, 0.1))
    boxes = np.zeros((3, 4), np.float32)
    objects = ObjectTruth(boxes, ("cat", "cat", "eel"), np.zeros(3, bool), np.ones(3, np.float32))
    for truth in (ClassTruth("cat", ("dog",)), ClassTruth("dog"), objects, ClassTruth("unknown"), TextTruth("cat")):
        metric.update(both, truth)
    nothing = ObjectTruth(boxes[:0], (), np.zeros(0, bool), np.ones(0, np.float32))
    metric.update(decoded(task, outputs(0.1, 0.1, 0.1)), nothing)
    (figure,) = metric.compute()
    assert (figure.metric, figure.samples) == ("label-f1", 4)
    assert figure.value == pytest.approx((1 + 2 / 3 + 2 / 4 + 1) / 4)
