"""Which nodes are at fault where a quantised model cannot be written, loaded or run, or loses its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

_SECONDS = 60.0
"""Time for the search, about; what has not been told apart by then counts as failing."""


def find_failing_nodes(
    nodes: Sequence[str], works: Callable[[Collection[str]], bool], *, seconds: float = _SECONDS
) -> list[str]:
    """The nodes that fail by themselves, found by bisection.

    Args:
        nodes: of which all together fail.
        works: whether a model with only these nodes in 8 bit works.
        seconds: time for the search.

    Returns:
        In their order; none where each node works by itself.
    """
    deadline = time.monotonic() + seconds
    failing: list[str] = []
    parts = [list(nodes)]
    while parts:
        part = parts.pop()
        is_out_of_time = time.monotonic() > deadline
        if not is_out_of_time and works(part):
            continue
        if len(part) == 1 or is_out_of_time:
            failing.extend(part)
            continue
        middle = len(part) // 2
        parts += [part[middle:], part[:middle]]
    return failing
