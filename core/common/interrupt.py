"""Ctrl-C while a command is still being loaded: nothing is half done then, so it ends at once, with a sentence."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from core.common.console import Console
from core.common.text import say

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def end_when_interrupted() -> None:
    """From now on, end at once with :data:`STOPPED`; nothing happens where Ctrl-C is ignored or handled otherwise."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.default_int_handler):
        signal.signal(signal.SIGINT, _end)


def raise_when_interrupted() -> None:
    """From now on, raise KeyboardInterrupt as usual: there is work that must be tidied up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signal: int, _frame: FrameType | None) -> None:
    # Not Python's usual end: a library that is only half loaded may crash in it.
    Console(sys.stderr).print(say("Stopped."))
    os._exit(STOPPED)
