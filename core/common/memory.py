"""How much memory this computer has, and how an amount of it is said."""

from __future__ import annotations

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
