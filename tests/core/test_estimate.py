import pytest

from core import estimate as module
from core.estimate import estimate, memory_words, time_words
from core.preflight import verdicts
from core.source import inspect
from core.target import TARGET_IDS
from small import conv_net


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx", size="side"))


@pytest.mark.parametrize("target", TARGET_IDS)
def test_larger_pictures_take_longer_and_more_memory(source, target):
    small, large = (estimate(source, target, pictures=40, size=(side, side)) for side in (64, 1024))
    assert small.seconds < large.seconds and small.memory_bytes < large.memory_bytes


def test_more_pictures_take_longer_where_they_are_looked_at_but_no_more_memory(source):
    few, many = (estimate(source, "onnx_quan_st", pictures=count, size=(224, 224)) for count in (20, 2000))
    assert few.seconds < many.seconds and few.memory_bytes == many.memory_bytes


def test_estimates_are_rounded_to_what_they_are_worth():
    assert [str(time_words(seconds)) for seconds in (2, 34, 70, 130, 7300)] == [
        "a few seconds",
        "about 30 seconds",
        "about a minute",
        "about 2 minutes",
        "about 2 hours",
    ]
    assert [str(memory_words(size)) for size in (3e6, 430e6, 980e6, 2.34e9)] == [
        "about 100 MB",
        "about 400 MB",
        "about 1 GB",
        "about 2.3 GB",
    ]


@pytest.mark.parametrize(("share", "status"), [(100, "works"), (1.2, "note"), (0.3, "cannot")])
def test_a_computer_that_is_too_small_is_told_so(source, monkeypatch, share, status):
    needed = estimate(source, "onnx_fp16", pictures=40, size=(224, 224)).memory_bytes
    monkeypatch.setattr("core.preflight.installed_memory", lambda: int(share * needed))
    (verdict,) = verdicts(source, targets=["onnx_fp16"], size=(224, 224))
    assert verdict.status == status
    if status == "cannot":
        assert "memory" in str(verdict.reason) and verdict.next_step
    else:
        assert verdict.seconds > 0 and verdict.memory_bytes == needed


def test_this_computer_is_measured_once():
    assert module.slowness() > 0 and module.slowness() is module.slowness()
