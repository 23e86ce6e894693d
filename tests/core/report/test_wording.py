from typing import get_args

import pytest

from core.job.comparison import Agreement, AgreementName, TruthFigure, TruthName
from core.report.wording import (
    AGREEMENT_HELP,
    AGREEMENT_TITLES,
    TRUTH_TITLES,
    agreement_metric,
    difference,
    light_word,
    percent,
    points,
    short_difference,
    with_interval,
)
from report_examples import BOX_F1, comparison, made, refused, report


def test_every_metric_has_its_words():
    assert set(AGREEMENT_TITLES) == set(AGREEMENT_HELP) == set(get_args(AgreementName))
    assert set(TRUTH_TITLES) == set(get_args(TruthName))


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (0.973, "97.3%"), (0.97, "97%"), (0.9999, "99.9%"), (1.0, "100%"), (1 / 3, "33.3%")],
)
def test_a_share_is_100_per_cent_only_where_nothing_is_missing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(("share", "text"), [(-0.004, "-0.4"), (0.003, "+0.3"), (-0.0004, "0"), (0.0, "0")])
def test_points_have_a_sign(share, text):
    assert points(share) == text


def test_an_agreement_is_told_with_its_interval():
    assert str(with_interval(BOX_F1)) == "97.3% (91 to 100)"
    assert with_interval(BOX_F1).in_language("zh") == "97.3%（91 到 100）"
    assert str(with_interval(Agreement("oks", 1.0, 1.0, 1.0, 4, 4))) == "100%"


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ((None, None, None), None),
        ((-0.004, None, None), "-0.4 points"),
        ((0.0, None, None), "no difference"),
        ((0.0, 0.0, 0.0), "no difference"),
        ((-0.004, -0.012, 0.003), "-0.4 points (-1.2 to +0.3): may be chance"),
        ((-0.05, -0.07, -0.03), "-5.0 points (-7.0 to -3.0)"),
        ((-0.05, -0.07, -0.0001), "-5.0 points (-7.0 to 0): may be chance"),
    ],
)
def test_a_difference_may_be_chance_where_its_interval_holds_0(figures, sentence):
    by, low, high = figures
    found = difference(TruthFigure("top-1", 0.5, 9, by, low, high))
    assert (None if found is None else str(found)) == sentence


def test_a_column_of_differences_has_numbers_only():
    assert str(short_difference(TruthFigure("top-1", 0.5, 9, -0.004, -0.012, 0.003))) == "-0.4 (-1.2 to +0.3)"
    assert str(short_difference(TruthFigure("top-1", 0.5, 9))) == ""


def test_files_keep_answers_or_numbers():
    assert str(light_word(comparison(light="keeps"))) == "keeps the answers"
    assert str(light_word(comparison(None, light="keeps"))) == "keeps the numbers"
    assert str(light_word(comparison())) == "take a look"


def test_the_metric_is_that_of_the_files_that_were_made():
    assert agreement_metric(report(refused("ncnn"), made("ncnn_fp16", comparison()))) == "box-f1"
    assert agreement_metric(report(made("ncnn", comparison(None)))) is None
