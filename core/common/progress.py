"""Progress callbacks of long-running work."""

from __future__ import annotations

import math
from typing import Protocol

from core.common.text import Text


class Progress(Protocol):
    """A callback: called with the fraction done (0 to 1) and a sentence for the person."""

    def __call__(self, fraction: float, message: Text) -> None:
        """Report progress; cheap enough to be called once per image."""


def silent(fraction: float, message: Text) -> None:
    """A callback that does nothing."""


def portion(progress: Progress, start: float, end: float) -> Progress:
    """A callback for one part of the work, which goes from ``start`` to ``end`` of the whole."""

    def part(fraction: float, message: Text) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), message)

    return part


def clamp_fraction(fraction: float) -> float:
    """Clamp to [0, 1], which progress bars require; NaN and infinity become 0."""
    return min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0
