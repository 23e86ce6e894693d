import pytest

from core.common.text import say
from core.evaluation.verdict import failure, found, judge_agreement, judge_lost_outputs, judge_numbers
from core.job.comparison import Agreement, OutputDifference
from core.tasks.base import Budget

BUDGET = Budget(keeps=0.97, floor=0.5)


def agreement(value, low, high, *, samples=100):
    return Agreement("box-f1", value, low, high, samples, samples)


def numbers(cosine, sqnr=60.0):
    return (OutputDifference("y", cosine, sqnr, 1.0),)


@pytest.mark.parametrize(
    ("figures", "light"),
    [
        ((0.97, 0.9, 1.0), "keeps"),
        ((0.96, 0.95, 0.965), "look"),
        ((0.96, 0.9, 0.99), "look"),
        ((0.4, 0.3, 0.6), "look"),  # it may be chance
        ((0.4, 0.3, 0.49), "failed"),
    ],
)
def test_the_light_follows_from_the_agreement_and_the_budget(figures, light):
    assert judge_agreement(agreement(*figures), BUDGET)[0] == light


def test_a_file_that_may_be_within_the_budget_says_that_the_pictures_are_too_few():
    assert "4 pictures are too few" in str(judge_agreement(agreement(0.9, 0.7, 1.0, samples=4), BUDGET)[1])
    assert "too few" not in str(judge_agreement(agreement(0.9, 0.85, 0.95), BUDGET)[1])


def test_a_share_below_one_is_never_rounded_up_to_all():
    assert "99.9% of the objects the same (99.9 to 100%)" in str(found(agreement(0.9999, 0.999, 1.0)))
    assert "100% of the objects the same (96.3 to 100%)" in str(found(agreement(1.0, 0.963, 1.0)))


@pytest.mark.parametrize(
    ("outputs", "least", "measured", "light"),
    [
        (numbers(0.9999), 0.9, True, "keeps"),
        (numbers(0.95), 0.9, True, "look"),
        (numbers(0.9999), 0.9, False, "look"),
        (numbers(0.89), 0.9, True, "failed"),
    ],
)
def test_without_a_task_the_numbers_decide_and_random_inputs_prove_nothing(outputs, least, measured, light):
    assert judge_numbers(outputs, least, measured=measured, decodes=False)[0] == light


def test_numbers_are_never_called_accuracy():
    for cosine in (0.9999, 0.95):
        assert (
            "answers was not measured" in str(judge_numbers(numbers(cosine), 0.9, measured=True, decodes=False)[1])
            or cosine > 0.99
        )


def test_a_failure_names_every_output():
    error = failure(judge_numbers(numbers(0.2), 0.9, measured=True, decodes=False)[1], numbers(0.2))
    assert "0.200 of 1" in str(error.reason) and "y: 0.2" in error.detail and error.next_step


def test_where_the_original_finds_nothing_that_is_said_and_not_taken_for_kept_answers():
    light, verdict = judge_numbers(numbers(1.0), 0.9, measured=True, decodes=True)
    assert light == "look" and "finds nothing" in str(verdict)


@pytest.mark.parametrize(
    ("output", "decodes", "light"),
    [
        (OutputDifference("y", 0.92, -7.7, 3.5), False, "failed"),  # a wrong bias, which the cosine lets through
        (OutputDifference("y", 0.92, 7.0, 3.5), False, "look"),
        (OutputDifference("y", 0.95, -7.7, 0.02, shows_nothing=True), True, "look"),  # scores, of which none counts
        (OutputDifference("y", 0.95, -7.7, 0.02, shows_nothing=True), False, "failed"),
        (OutputDifference("y", 0.95, -7.7, 1e-6), False, "keeps"),  # rounding errors of an output that is zero
    ],
)
def test_an_error_as_large_as_the_answers_fails_whatever_the_cosine(output, decodes, light):
    assert judge_numbers((output,), 0.9, measured=True, decodes=decodes)[0] == light


@pytest.mark.parametrize(
    ("light", "name", "sqnr", "expected"),
    [
        ("look", "y", 2.9, "failed"),
        ("look", "y", 3.1, "look"),
        ("look", "not-read", 2.9, "look"),
        ("keeps", "y", 2.9, "keeps"),
    ],
)
def test_where_a_task_decodes_a_lost_output_fails_only_if_the_answers_leave_it_open(light, name, sqnr, expected):
    outputs = (OutputDifference(name, 0.95, sqnr, 1.0),)
    assert judge_lost_outputs(light, say("Done."), outputs, {"y"})[0] == expected


def test_the_output_that_is_lost_is_named():
    verdict = judge_numbers((OutputDifference("boxes", 0.95, -1.0, 1.0),), 0.9, measured=True, decodes=False)[1]
    assert '"boxes"' in str(verdict) and "-1.0 dB" in str(verdict)
