"""The command line that asks for the same as a job, to be copied."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from core.job.allowed_change import DEFAULT_CHANGE
from core.job.job import Job

CLASS_NAMES = "classes.txt"
"""Stands for a file with the class names that the person typed."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:\\=,+-]+")
_IN_DOUBLE_QUOTES = re.compile(r'[^"$`%“”„]*')
_SINGLE_QUOTES = re.compile("['‘’‚‛]")
"""PowerShell takes all of them for the same."""


def command_line(job: Job, *, is_windows: bool = os.name == "nt") -> str:
    """The command of a job, quoted for a POSIX shell, or for Windows.

    Args:
        job: what was asked.
        is_windows: quoted so that PowerShell takes it; so does the command prompt, where no name has one of the
            characters that the two treat differently (``" $ ` %``).
    """
    words = ["python", "tools\\export_quantize.py" if is_windows else "tools/export_quantize.py", *_arguments(job)]
    return " ".join(map(quoted_for_powershell, words)) if is_windows else shlex.join(words)


def quoted_for_powershell(word: str) -> str:
    """One argument; double quotes where both shells of Windows take them, else PowerShell's single quotes."""
    if _PLAIN.fullmatch(word) and "," not in word:  # PowerShell takes a comma for a list
        return word
    if _IN_DOUBLE_QUOTES.fullmatch(word):
        return f'"{word}"'
    return "'" + _SINGLE_QUOTES.sub(lambda found: 2 * found[0], word) + "'"


def _arguments(job: Job) -> Iterator[str]:
    yield str(job.source)
    for option, folder in (("--images", job.images), ("--test-images", job.test_images)):
        if folder is not None:
            yield from _option(option, str(folder))
    for name, value in job.inputs.items():
        yield from _option("--input", f"{name}={value}")
    yield "--type"
    yield from job.targets
    yield from _option("--out", str(job.out))
    yield from _how(job)
    yield from _task(job)
    if job.takes_image:
        yield from _preprocessing(job)


def _how(job: Job) -> Iterator[str]:
    if job.keep is not None:
        yield from _option("--keep", _number(100 * job.keep))
    elif job.change != DEFAULT_CHANGE:
        yield from _option("--keep", job.change)
    if job.dequantize:
        yield "--dequantize"
    if job.ncnn_tools != "own":
        yield from _option("--ncnn-tools", job.ncnn_tools)
    if job.ncnn_calibration != "min-max":
        yield from _option("--ncnn-calibration", job.ncnn_calibration)


def _task(job: Job) -> Iterator[str]:
    if job.task is not None:
        yield from _option("--task", job.task)
    if job.score is not None:
        yield from _option("--score", _number(job.score))
    if job.class_names:
        yield from _option("--class-names", CLASS_NAMES)


def _preprocessing(job: Job) -> Iterator[str]:
    how = job.preprocessing
    yield from _option("--size", ",".join(map(str, how.size)))
    yield from _option("--mean", ",".join(map(_number, how.mean)))
    yield from _option("--std", ",".join(map(_number, how.std)))
    yield from _option("--color", how.color)
    yield from _option("--layout", how.layout)
    yield from _option("--fit", how.fit)


def _option(name: str, value: str) -> tuple[str, ...]:
    """In one word where the value would be taken for an option."""
    return (f"{name}={value}",) if value.startswith("-") else (name, value)


def _number(value: float) -> str:
    """The shortest text that reads as the same number, or as one that differs in its last digits only."""
    return f"{value:.12g}"
