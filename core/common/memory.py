"""How much memory this computer has, and how an amount of it is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from core.common.text import Text, say


def installed_memory() -> int:
    """RAM of this computer, in bytes."""
    return int(psutil.virtual_memory().total)


def memory_text(size: float) -> Text:
    """Bytes, rounded as far as an estimate deserves."""
    if size < 950e6:
        return say("about {size} MB", size=100 * max(1, round(size / 100e6)))
    return say("about {size} GB", size=f"{size / 1e9:.1f}".removesuffix(".0"))


@contextmanager
def at_most_more(more: int) -> Iterator[None]:
    """Where the system can, it refuses this process more memory within, which becomes a MemoryError.

    Args:
        more: bytes besides what the process has.
    """
    limit = own_memory_limit()
    limit_own_memory(min(psutil.Process().memory_info().data + more, limit) if limit is not None else None)
    try:
        yield
    finally:
        limit_own_memory(limit)


def own_memory_limit() -> int | None:
    """Bytes of all data that this process may have; None where the system knows no such limit."""
    if sys.platform != "linux":
        return None
    import resource

    most = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def limit_own_memory(most: int | None) -> None:
    """Where the system can, it refuses more memory at once; elsewhere whoever watches the process must end it.

    Args:
        most: bytes of all data of this process; None sets no limit.
    """
    if sys.platform != "linux" or most is None:
        return
    import resource

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
