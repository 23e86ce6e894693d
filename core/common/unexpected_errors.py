"""Readable descriptions of unexpected exceptions."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from core.common.errors import ConversionError, EdgePressError
from core.common.text import Text, say

_FRAMES, _MOST_CHARACTERS = 12, 2000
"""Lines of code that a report names, and the length of what a library says."""


def describe_unexpected_error(exc: BaseException) -> tuple[Text, Text, str]:
    """Reason, next step and technical detail of an unexpected exception.

    The detail says what went wrong and in which lines of the code, innermost first, for a report.
    """
    frames = traceback.extract_tb(exc.__traceback__)[-_FRAMES:]
    places = [f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}" for frame in reversed(frames)]
    detail = "\n".join([f"{type(exc).__name__}: {exc}"[:_MOST_CHARACTERS], *places])
    if isinstance(exc, MemoryError):
        return (
            say("The memory of this computer was not enough."),
            say("Close other programs or use a smaller model, then try again."),
            detail,
        )
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        return say("The disk is full."), say("Delete what you do not need any more, then try again."), detail
    return (
        say("Something happened that EdgePress did not expect: {what}", what=f"{type(exc).__name__}: {exc}"),
        say("Try again. If it happens again, report it together with the technical details."),
        detail,
    )


def as_readable_error(exc: Exception) -> EdgePressError:
    """The error itself if it is one, or else one in words: the last boundary before a person sees it."""
    if isinstance(exc, EdgePressError):
        return exc
    reason, next_step, detail = describe_unexpected_error(exc)
    return EdgePressError(reason, next_step=next_step, detail=detail)


def as_conversion_error(exc: Exception) -> ConversionError:
    """The error itself if it is one, or else a readable one in its place."""
    if isinstance(exc, ConversionError):
        return exc
    reason, next_step, detail = describe_unexpected_error(exc)
    return ConversionError(reason, next_step=next_step, detail=detail)
