import pytest

from core.quantization.onnx.failing_nodes import find_failing_nodes

NODES = [f"node{number}" for number in range(37)]


@pytest.mark.parametrize("failing", [[], ["node0"], ["node36"], ["node3", "node4", "node30"], NODES])
def test_the_nodes_that_fail_are_found_in_few_trials(failing):
    trials = []

    def works(part):
        trials.append(part)
        return not set(part) & set(failing)

    assert find_failing_nodes(NODES, works) == failing
    assert len(trials) <= 1 + 2 * 6 * max(1, len(failing))


def test_nodes_that_fail_only_together_are_not_at_fault():
    assert find_failing_nodes(NODES, lambda part: len(part) < 30) == []


def test_what_is_not_told_apart_in_time_counts_as_failing():
    assert find_failing_nodes(NODES, lambda _: pytest.fail("no time"), seconds=-1.0) == NODES
