"""What is known of a target before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.common.text import Text
from core.job.target_id import TargetId

PreflightStatus: TypeAlias = Literal["works", "note", "cannot"]
"""It will work; it will work, and there is something to know; it cannot work."""


@dataclass(frozen=True)
class PreflightResult:
    """Whether one target can be made, and estimates of its size, time and memory."""

    target: TargetId
    status: PreflightStatus
    notes: tuple[Text, ...] = ()
    reason: Text | None = None
    """Why it cannot be made."""

    next_step: Text | None = None
    size_bytes: int | None = None
    """Estimated size of the result."""

    seconds: float | None = None
    """Estimated time to make and evaluate it on this computer."""

    memory_bytes: float | None = None
    """Estimated peak memory meanwhile."""
