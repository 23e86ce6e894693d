import numpy as np
import pytest

from core.common.text import say
from core.preprocessing import Placement
from core.tasks.predictions import ClassTruth, TextTruth
from core.tasks.text import TextRecognition

NOWHERE = Placement.identity((48, 320))
READER = TextRecognition("y", characters=("", "a", "b", "c"), reason=say("Done."))


def steps(*indices, classes=4, high=0.9):
    """Probabilities with the given best class at each step."""
    rows = np.full((1, len(indices), classes), (1 - high) / (classes - 1), np.float32)
    rows[0, np.arange(len(indices)), indices] = high
    return {"y": rows}


def read(task, tensors):
    return task.decode(tensors, NOWHERE)


def test_repeats_are_merged_and_blanks_separate_them():
    assert read(READER, steps(0, 1, 1, 0, 1, 2, 2, 3, 0)).text == "aabc"


def test_the_score_is_the_mean_probability_of_the_characters():
    tensors = steps(0, 1, 2)
    tensors["y"][0, 2, 2] = 0.5
    assert read(READER, tensors).score == pytest.approx(0.7)


def test_logits_are_read_like_probabilities_and_the_batch_axis_may_be_second():
    tensors = steps(0, 1, 1, 3)
    logits = {"y": np.log(tensors["y"]).swapaxes(0, 1)}
    assert read(READER, logits).text == "ac"
    assert read(READER, logits).score == pytest.approx(0.9, abs=1e-6)


def test_indices_that_a_model_has_chosen_itself_are_read_as_well():
    assert read(READER, {"y": np.array([[0, 2, 2, 0, 3]], np.int64)}).text == "bc"


def test_where_the_characters_are_unknown_their_numbers_are_compared():
    task = TextRecognition("y", blank=3, reason=say("Done."))
    assert read(task, steps(3, 1, 1, 3, 2)).characters == ("1", "2") and read(task, steps(3, 1, 0)).text == "1 0"


def test_agreement_counts_equal_texts_and_the_error_of_characters():
    metric = READER.agreement()
    abc, ab, nothing = read(READER, steps(1, 2, 3)), read(READER, steps(1, 2)), read(READER, steps(0, 0))
    assert [metric.update(abc, one) for one in (abc, ab)] == [1.0, 0.0]
    metric.update(nothing, nothing)  # there is nothing to agree on
    agreement = metric.compute()
    assert (agreement.value, agreement.counted, agreement.samples) == (0.5, 2, 3)
    assert agreement.details["character_error"] == pytest.approx((0 + 1 / 3) / 2)


def test_nothing_read_anywhere_is_no_agreement():
    metric = READER.agreement()
    metric.update(read(READER, steps(0)), read(READER, steps(0)))
    assert metric.compute() is None


def test_words_and_characters_are_held_against_the_labels():
    truth = READER.truth()
    truth.update(read(READER, steps(1, 2, 3)), TextTruth("abc"))
    truth.update(read(READER, steps(1, 2)), ClassTruth("abcb"))  # a table of labels names texts as classes
    words, characters = truth.compute()
    assert (words.metric, words.value, words.samples) == ("words", 0.5, 2)
    assert characters.value == pytest.approx((1 + 0.5) / 2)
