"""Why a file takes longer on this computer than what it was made from, and whom it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.common.text import Text, say
from core.job.comparison import Latency
from core.job.target_id import TargetId

_SLOWER, _SLOWER_BY = 1.1, 0.5
"""Times as long, and milliseconds more, from which it is said."""

_WHY: Mapping[TargetId, Text] = {
    "onnx_fp16": say(
        "This processor computes 16 bit in 32 bit, so the file is not faster here than the original. It is for "
        "graphics cards and phones that compute in 16 bit, and for its size."
    ),
    "onnx_quan_dy": say(
        "This file saves space, not time: it is slower here than the original. For more speed try the static 8 bit "
        "file."
    ),
    "onnx_quan_st": say(
        "What stays in 32 bit for the answers, and the steps between, cost more time than 8 bit saves on this "
        "processor: the file is slower here than the original. It still saves space."
    ),
}

_NCNN = say(
    "ncnn is made for ARM processors, as in phones and small boards; here it is slower than the original. Judge it by "
    "its time there."
)

_NCNN_8_BIT = say(
    "Slower here than ncnn in 32 bit ({ratio} times its time), which is common on PC processors. It is for ARM "
    "processors, and for its size."
)


def speed_notes(
    target: TargetId, latency: Latency | None, *, source: Latency, ncnn: Latency | None = None
) -> Iterator[Text]:
    """Where a file is slower, that it is, and for whom it is made.

    Args:
        target: of the file.
        latency: of the file; None where it was not measured.
        source: of the original.
        ncnn: of the file in 32 bit for ncnn, where the job made one.
    """
    if latency is None:
        return
    if _is_slower(latency, source):
        yield _WHY.get(target, _NCNN)
    if target == "ncnn_quan" and ncnn is not None and _is_slower(latency, ncnn):
        ratio = latency.median_one_thread / ncnn.median_one_thread
        yield Text(_NCNN_8_BIT.template, {"ratio": f"{ratio:.1f}"})


def _is_slower(one: Latency, other: Latency) -> bool:
    """With one thread, which other programs disturb least; and by more than single runs differ."""
    least = max(_SLOWER * other.median_one_thread, other.median_one_thread + _SLOWER_BY, other.p95_one_thread)
    return one.median_one_thread > least
