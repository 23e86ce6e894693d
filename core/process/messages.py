"""What the queue has to say about jobs that ended early."""

from __future__ import annotations

import signal
import sys

from core.common.text import Text, say


def crash(exit_code: int | None, step: Text | None) -> tuple[Text, Text]:
    """Reason and next step for a worker that died without a word.

    Args:
        exit_code: as of :mod:`subprocess`: minus the signal's number where a signal ended it.
        step: the last sentence that it said.
    """
    doing = step if step is not None else say("starting")
    if _was_killed(exit_code):
        return (
            say("The computer ended the work, most likely because the memory ran out. Last step: {step}", step=doing),
            say("Close other programs or use a smaller model, then try again."),
        )
    if _crashed(exit_code):
        return (
            say("A native library crashed. Last step: {step}", step=doing),
            say("Try again without the target that was being made. The technical details say more."),
        )
    return (
        say("The work ended without a result. Last step: {step}", step=doing),
        say("Try again. If it happens again, report it together with the technical details."),
    )


def cancelled() -> Text:
    """The reason where the person wanted the end."""
    return say("It was cancelled.")


def interrupted() -> tuple[Text, Text]:
    """Reason and next step where EdgePress itself was closed."""
    return say("EdgePress was closed while this job ran."), say("Start it again.")


def no_worker() -> tuple[Text, Text]:
    """Reason and next step where not even a process could be started."""
    return (
        say("The work could not be started."),
        say("Close other programs, make sure that the disk is not full, then try again."),
    )


def _was_killed(exit_code: int | None) -> bool:
    return sys.platform != "win32" and exit_code == -signal.SIGKILL


def _crashed(exit_code: int | None) -> bool:
    """A negative code is a signal; Windows ends crashed processes with huge ones, such as 0xC0000005."""
    return exit_code is not None and not 0 <= exit_code <= 255
