"""The ids of targets, as the command line, job folders and reports write them."""

from __future__ import annotations

from typing import TypeAlias

TargetId: TypeAlias = str
"""The id of one of :data:`core.targets.TARGETS`, such as ``onnx_fp16``."""

_MOST_DIGITS = 6

FileId: TypeAlias = str
"""A target's id for the file that EdgePress chose; with a number behind ``#`` for one that may take its place."""


def file_id(target: TargetId, number: int) -> FileId:
    """The id of a file.

    Args:
        target: of the file.
        number: 0 for the chosen one, from 1 for those that may take its place.
    """
    return f"{target}#{number}" if number else target


def target_of(file: FileId) -> TargetId:
    """The target of a file."""
    return file.partition("#")[0]


def number_of(file: FileId) -> int | None:
    """The number of a file; None where the text is no id of one."""
    number = file.partition("#")[2]
    if "#" not in file:
        return 0
    return int(number) if number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS else None
