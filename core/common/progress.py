"""How long-running work says where it is; silent unless somebody listens."""

from __future__ import annotations

import math
from typing import Protocol

from core.common.text import Text


class Progress(Protocol):
    """A listener: called with the share done (0 to 1) and a sentence for the person."""

    def __call__(self, fraction: float, message: Text) -> None:
        """Take note of it; cheap enough to be called once per image."""


def silent(fraction: float, message: Text) -> None:
    """Listen to nothing."""


def portion(progress: Progress, start: float, end: float) -> Progress:
    """A listener for one part of the work, which fills ``start`` to ``end`` of the whole."""

    def part(fraction: float, message: Text) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), message)

    return part


def clamp_fraction(fraction: float) -> float:
    """Bring it between 0 and 1, which a progress bar insists on."""
    return min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0
