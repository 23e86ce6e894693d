"""Functions that the tests call in a helper process."""

from __future__ import annotations

import ctypes
import os
import sys
import time

from core.common.errors import SourceError
from core.common.text import say

_calls: list[int] = []


def count_calls() -> int:
    """How often it was called in this process."""
    _calls.append(0)
    return len(_calls)


def double(numbers):
    return 2 * numbers


def print_much() -> str:
    sys.stdout.write("x" * 100_000)
    sys.stdout.flush()
    os.write(1, b"not a pickle")
    return "printed"


def crash() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def leave() -> None:
    os._exit(0)


def hang() -> None:
    time.sleep(600)


def fill_memory() -> None:
    blocks = []
    while True:
        blocks.append(bytearray(b"x" * (32 << 20)))


def refuse() -> None:
    raise SourceError(say("{name} is no model.", name="a.txt"), next_step=say("Pick another."), detail="magic")


def fail() -> None:
    raise RuntimeError("a bug")
