"""What a person allows to change, as a share of the answers and for the quantisers."""

import pytest

from core.job.allowed_change import change_that_keeps
from core.tasks.base import Budget


@pytest.mark.parametrize(
    ("share", "change"),
    [(1.0, "nothing"), (0.995, "nothing"), (0.994, "hardly"), (0.99, "hardly"), (0.97, "little"), (0.6, "smallest")],
)
def test_a_share_stands_for_a_choice(share, change):
    assert change_that_keeps(share) == change


@pytest.mark.parametrize(
    ("change", "keeps"), [("nothing", 0.995), ("hardly", 0.99), ("little", 0.97), ("smallest", 0.97)]
)
def test_the_budget_of_most_tasks(change, keeps):
    assert Budget(0.97, 0.5).allowing(change) == Budget(pytest.approx(keeps), 0.5)


def test_finer_answers_may_change_more():
    assert Budget(0.91, 0.3).allowing("hardly").keeps == pytest.approx(0.97)


def test_an_exact_share_replaces_the_choice_and_the_floor_is_never_above_it():
    assert Budget(0.97, 0.8).allowing("nothing", 0.7) == Budget(0.7, 0.7)
