"""Files that are slower than the original are told so, with whom they are for."""

import pytest

from core.evaluation.speed_notes import speed_notes
from core.job.comparison import Latency
from core.targets import TARGET_IDS


def latency(milliseconds):
    return Latency(milliseconds, milliseconds, milliseconds, milliseconds, threads=2)


@pytest.mark.parametrize("target", TARGET_IDS)
def test_a_slower_file_is_told_and_whom_it_is_for_and_a_faster_one_is_not(target):
    (note,) = speed_notes(target, latency(15.0), source=latency(10.0))
    assert "than the original" in str(note) and note.in_language("zh") != str(note)
    assert not list(speed_notes(target, latency(9.0), source=latency(10.0)))
    assert not list(speed_notes(target, None, source=latency(10.0)))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (latency(10.5), latency(10.0)),
        (latency(0.4), latency(0.1)),
        (latency(15.0), Latency(10.0, 16.0, 10.0, 16.0, threads=2)),
    ],
    ids=["by a few percent", "by what nobody notices", "by less than single runs differ"],
)
def test_what_is_hardly_slower_is_not_called_so(file, source):
    assert not list(speed_notes("onnx_fp16", file, source=source))


def test_8_bit_for_ncnn_is_held_against_ncnn_in_32_bit_too():
    (note,) = speed_notes("ncnn_quan", latency(9.0), source=latency(10.0), ncnn=latency(6.0))
    assert "ncnn in 32 bit (1.5 times" in str(note)
    assert not list(speed_notes("ncnn_fp16", latency(9.0), source=latency(10.0), ncnn=latency(6.0)))
