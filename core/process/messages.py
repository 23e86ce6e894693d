"""Messages for work that ended early: crashed, cancelled, interrupted, or never started."""

from __future__ import annotations

import signal
import sys

from core.common.text import Text, say

RUN_NEVER_ENDED = 79
"""Exit code of a worker process that ended itself, since one run of a model did not stop when it was asked to."""


def crashed(exit_code: int | None, last_step: Text | None) -> tuple[Text, Text]:
    """Reason and next step for a worker process that ended without a result.

    Args:
        exit_code: as of :mod:`subprocess`: minus the signal's number where a signal ended it.
        last_step: the last progress message that it reported.
    """
    step = last_step if last_step is not None else say("starting")
    if exit_code == RUN_NEVER_ENDED:
        return (
            say("One run of the model did not end. Last step: {step}", step=step),
            say("Use a smaller model, or export it again without loops."),
        )
    if _is_sigkill(exit_code):
        return (
            say("The computer ended the work, most likely because the memory ran out. Last step: {step}", step=step),
            say("Close other programs or use a smaller model, then try again."),
        )
    if _is_native_crash(exit_code):
        return (
            say("A native library crashed. Last step: {step}", step=step),
            say("Try again without the target that was being made. The technical details say more."),
        )
    return (
        say("The work ended without a result. Last step: {step}", step=step),
        say("Try again. If it happens again, report it together with the technical details."),
    )


def helper_ended(exit_code: int | None, stopped: str | None, seconds: float) -> tuple[Text, Text]:
    """Reason and next step for a new file on which the process that tried it ended.

    Args:
        exit_code: as above; None where it did not end by itself.
        stopped: "time" or "memory", where it was ended for taking too much of it.
        seconds: that it was given.
    """
    next_step = say("Use one of the other targets. The file was thrown away.")
    if stopped == "time":
        return say("The new file was loaded or run for more than {seconds} s.", seconds=round(seconds)), next_step
    if stopped == "memory" or _is_sigkill(exit_code):
        return say("The memory ran out while the new file was loaded or run."), next_step
    return say("A native library crashed while the new file was loaded or run."), next_step


def reading_ended(exit_code: int | None, stopped: str | None, seconds: float) -> tuple[Text, Text]:
    """Reason and next step for a model on which the process that only read it ended; arguments as above."""
    next_step = say("Use a model from a source that you trust, or export it again.")
    if stopped == "time":
        return say("Reading the model takes more than {seconds} s.", seconds=round(seconds)), next_step
    if stopped == "memory" or _is_sigkill(exit_code):
        return say("Reading the model takes far more memory than a file of its size should."), next_step
    return say("A native library crashed while it read the model."), next_step


def decoding_ended(exit_code: int | None, stopped: str | None, seconds: float) -> tuple[Text, Text]:
    """Reason and next step for a picture on which the process that decoded it ended; arguments as above."""
    next_step = say("Save it again in a picture viewer, smaller, or leave it out.")
    if stopped == "time":
        return say("Decoding it takes more than {seconds} s.", seconds=round(seconds)), next_step
    if stopped == "memory" or _is_sigkill(exit_code):
        return say("Decoding it takes too much memory."), next_step
    return say("A native library crashed while it was decoded."), next_step


def trying_ended(exit_code: int | None, stopped: str | None, seconds: float) -> tuple[Text, Text]:
    """Reason and next step for a file on which the process that ran it on one picture ended; arguments as above."""
    next_step = say("Try a smaller picture. If it happens again, use another file.")
    if stopped == "time":
        return say("Loading and running it takes more than {seconds} s.", seconds=round(seconds)), next_step
    if stopped == "memory" or _is_sigkill(exit_code):
        return say("The memory ran out while it was loaded or run."), next_step
    return say("A native library crashed while it was loaded or run."), next_step


def looking_ended(exit_code: int | None, stopped: str | None, seconds: float) -> tuple[Text, Text]:
    """Reason and next step for a folder on which the process that looked into it ended; arguments as above."""
    next_step = say("Choose another folder, with fewer or smaller files.")
    if stopped == "time":
        return say(
            "Looking at the files in this folder takes more than {seconds} s.", seconds=round(seconds)
        ), next_step
    if stopped == "memory" or _is_sigkill(exit_code):
        return say("Looking at the files in this folder takes too much memory."), next_step
    return say("A native library crashed while it read the files in this folder."), next_step


def crashed_at_target(exit_code: int | None) -> tuple[Text, Text]:
    """Reason and next step for a target at which the worker process ended without a result."""
    if exit_code == RUN_NEVER_ENDED:
        return (
            say("One run did not end while this file was made or checked."),
            say("Use one of the other targets, or a smaller model."),
        )
    if _is_sigkill(exit_code):
        return (
            say("The computer ended the work on this file, most likely because the memory ran out."),
            say("Close other programs or use a smaller model, then try again."),
        )
    return (
        say("A native library crashed while this file was made or checked."),
        say("Use one of the other targets. If you need this one, report it together with the technical details."),
    )


def cancelled() -> Text:
    """The reason where the person cancelled the work."""
    return say("It was cancelled.")


def interrupted() -> tuple[Text, Text]:
    """Reason and next step where EdgePress itself was closed."""
    return say("EdgePress was closed while this job ran."), say("Start it again.")


def not_started() -> tuple[Text, Text]:
    """Reason and next step where the process could not be started."""
    return (
        say("The work could not be started."),
        say("Close other programs, make sure that the disk is not full, then try again."),
    )


def _is_sigkill(exit_code: int | None) -> bool:
    return sys.platform != "win32" and exit_code == -signal.SIGKILL


def _is_native_crash(exit_code: int | None) -> bool:
    """A negative code is a signal; Windows ends crashed processes with huge ones, such as 0xC0000005."""
    return exit_code is not None and not 0 <= exit_code <= 255
