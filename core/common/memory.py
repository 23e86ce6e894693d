"""How much memory this computer has, and how an amount of it is said."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from core.common.text import Text, say

_LARGE_BYTES = 10_000_000
"""Size of a model whose remains are worth looking for."""


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
    """On Linux, the system refuses this process more memory within, which becomes a MemoryError.

    Args:
        more: bytes besides what the process has.
    """
    if sys.platform != "linux":  # elsewhere what a process has is counted in other ways
        yield
        return
    import resource

    before = soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = psutil.Process().memory_info().data + more
    limit_own_memory(wanted if soft == resource.RLIM_INFINITY else min(wanted, soft))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def release_freed_memory(model_bytes: int = 0) -> None:
    """Give back to the system what this process has freed: glibc keeps it for itself, hundreds of MB of it.

    Args:
        model_bytes: size of the model that was worked on. What is left of a large one, in objects that refer to each
            other in circles, is freed before, which takes a tenth of a second.
    """
    if model_bytes > _LARGE_BYTES:
        gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # another system, or another C library
        ctypes.CDLL(None).malloc_trim(0)


def limit_own_memory(most: int) -> None:
    """Where the system can, it refuses more memory at once; elsewhere whoever watches the process must end it.

    Args:
        most: bytes of all data of this process.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
