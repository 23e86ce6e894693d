import pytest

from core.common.memory import memory_text
from core.inputs.images import SampleCounts
from core.onnx_model.inspect import inspect
from core.preflight import estimate as module
from core.preflight.estimate import USUAL_SAMPLES, duration_text, estimate
from core.preflight.preflight import check_targets
from core.targets import TARGETS, target_by_id
from small import conv_net


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx", size="side"))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_larger_pictures_take_longer_and_more_memory(source, target):
    small, large = (estimate(source, target, samples=USUAL_SAMPLES, size=(side, side)) for side in (64, 1024))
    assert small.seconds < large.seconds and small.memory_bytes < large.memory_bytes


def test_more_pictures_take_longer_where_they_are_used_but_no_more_memory(source):
    few, many = (
        estimate(source, target_by_id("onnx_quan_st"), samples=SampleCounts.expected(count), size=(224, 224))
        for count in (20, 200)
    )
    assert few.seconds < many.seconds and few.memory_bytes == many.memory_bytes


def test_estimates_are_rounded_to_their_precision():
    assert [str(duration_text(seconds)) for seconds in (2, 34, 70, 130, 7300)] == [
        "a few seconds",
        "about 30 seconds",
        "about a minute",
        "about 2 minutes",
        "about 2 hours",
    ]
    assert [str(memory_text(size)) for size in (3e6, 430e6, 980e6, 2.34e9)] == [
        "about 100 MB",
        "about 400 MB",
        "about 1 GB",
        "about 2.3 GB",
    ]


@pytest.mark.parametrize(("share", "status"), [(100, "works"), (1.2, "note"), (0.3, "cannot")])
def test_too_little_memory_is_noted_and_far_too_little_refused(source, monkeypatch, share, status):
    needed = estimate(source, target_by_id("onnx_fp16"), samples=USUAL_SAMPLES, size=(224, 224)).memory_bytes
    monkeypatch.setattr("core.preflight.preflight.installed_memory", lambda: int(share * needed))
    (result,) = check_targets(source, targets=["onnx_fp16"], size=(224, 224))
    assert result.status == status
    if status == "cannot":
        assert "memory" in str(result.reason) and result.next_step
    else:
        assert result.seconds > 0 and result.memory_bytes == needed


def test_this_computer_is_measured_once():
    assert module.relative_slowness() > 0 and module.relative_slowness() is module.relative_slowness()


def test_a_job_uses_at_most_100_and_1000_samples_and_so_does_its_estimate(source):
    """More files than a job takes must not make it look longer."""
    enough, more = (
        estimate(source, target_by_id("ncnn_quan"), samples=SampleCounts.expected(count), size=(224, 224))
        for count in (1100, 100_000)
    )
    assert enough == more
    assert SampleCounts.expected(100_000) == SampleCounts(100, 1000)
    assert SampleCounts.expected(5) == SampleCounts(3, 2)
    assert SampleCounts.expected(500, 7) == SampleCounts(100, 7)
