"""Readable descriptions of unexpected exceptions."""

from __future__ import annotations

import errno
import traceback

from core.common.errors import ConversionError
from core.common.text import Text, say


def describe_unexpected_error(exc: BaseException) -> tuple[Text, Text, str]:
    """Reason, next step and technical detail (the traceback) of an unexpected exception."""
    detail = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
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


def as_conversion_error(exc: Exception) -> ConversionError:
    """The error itself if it is one, or else a readable one in its place."""
    if isinstance(exc, ConversionError):
        return exc
    reason, next_step, detail = describe_unexpected_error(exc)
    return ConversionError(reason, next_step=next_step, detail=detail)
