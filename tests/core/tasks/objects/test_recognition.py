from dataclasses import replace

import numpy as np
import pytest

from array_head import ArrayHead, table
from core.onnx_model.inspect import inspect
from core.tasks import detection, instance_segmentation, pose
from core.tasks.base import Evidence, TaskOptions
from core.tasks.heads import recognize_head
from small import conv_net

MODULES = {"detection": detection, "instance-segmentation": instance_segmentation, "pose": pose}
NO_OPTIONS = TaskOptions()


@pytest.fixture
def evidence(tmp_path):
    outputs = [table((10, 10, 50, 50, 0.9, 1)), table((10, 10, 50, 50, 0.1, 1))]
    return Evidence(inspect(conv_net(tmp_path / "net.onnx")), outputs, (100, 100))


@pytest.fixture
def known(monkeypatch):
    """A function that makes a head the only known family."""
    return lambda head: monkeypatch.setattr(recognize_head, "_RECOGNIZERS", (lambda evidence: head,))


def with_columns(evidence, head):
    width = 6 + head.rotated + head.points * 3 + head.masks
    row = np.resize(np.array([10, 10, 50, 50, 0.9, 1] + [0.5] * 99, np.float32), (1, 1, width))
    return replace(evidence, outputs=[{"objects": row, "prototypes": np.ones((1, max(head.masks, 1), 8, 8))}])


@pytest.mark.parametrize(
    ("head", "names", "task"),
    [
        (ArrayHead(), (), "detection"),
        (ArrayHead(rotated=True), (), "detection"),
        (ArrayHead(class_count=1, points=5), ("face",), "detection"),
        (ArrayHead(class_count=1, points=5), ("person",), "pose"),
        (ArrayHead(class_count=1, points=17), (), "pose"),
        (ArrayHead(masks=4), (), "instance-segmentation"),
    ],
)
def test_what_comes_with_the_boxes_decides(evidence, known, head, names, task):
    known(head)
    evidence = replace(with_columns(evidence, head), class_names=names)
    found = {name: module.recognize(evidence, NO_OPTIONS) for name, module in MODULES.items()}
    assert [name for name, each in found.items() if each is not None] == [task]
    assert found[task].name == task and "Table" in str(found[task].reason)


def test_other_models_are_none_of_these_tasks(evidence, known):
    known(None)
    assert [module.recognize(evidence, NO_OPTIONS) for module in MODULES.values()] == [None] * 3


def test_models_that_take_no_image_are_not_looked_at(evidence, known):
    known(ArrayHead())
    assert detection.recognize(replace(evidence, input_size=None), NO_OPTIONS) is None


def test_names_are_used_where_there_is_one_for_each_class(evidence, known):
    known(ArrayHead())
    for names, used in ((("a", "b", "c"), ("a", "b", "c")), (("a", "b"), ())):
        assert detection.recognize(replace(evidence, class_names=names), NO_OPTIONS).class_names == used


def test_the_family_s_own_score_is_used_where_anything_reaches_it(evidence, known):
    known(ArrayHead(default_score=0.9))  # one of two samples does
    assert detection.recognize(evidence, NO_OPTIONS).options.score == 0.9


@pytest.mark.parametrize(("scores", "expected"), [((0.3, 0.26), 0.25), ((0.3, 0.2), 0.1), ((0.011, 0.04), 0.01)])
def test_else_the_highest_at_which_there_is_an_object_for_each_sample(evidence, known, scores, expected):
    known(ArrayHead(default_score=0.4))
    evidence = replace(evidence, outputs=[table((10, 10, 50, 50, score, 0)) for score in scores])
    task = detection.recognize(evidence, NO_OPTIONS)
    assert task.options.score == task.score == expected
    assert f"from {expected} on" in str(task.reason) and "0.4" in str(task.reason)
    assert "从" in task.reason.in_language("zh") and "Table" in task.reason.in_language("zh")


def test_repetitions_of_one_object_do_not_count_as_several(evidence, known):
    known(ArrayHead())
    copies = table(*[(10, 10, 50, 50, 0.3, 0)] * 5)
    evidence = replace(evidence, outputs=[copies, table((60, 60, 90, 90, 0.06, 0))])
    assert detection.recognize(evidence, NO_OPTIONS).score == 0.05


def test_where_nothing_is_found_at_all_the_family_s_own_score_stays(evidence, known):
    known(ArrayHead())
    task = detection.recognize(replace(evidence, outputs=[table(), table()]), NO_OPTIONS)
    assert task.score == 0.5 and "Nothing" not in str(task.reason)


def test_a_score_that_was_asked_for_is_used_as_it_is(evidence, known):
    known(ArrayHead())
    assert detection.recognize(evidence, TaskOptions(score=0.77)).score == 0.77
