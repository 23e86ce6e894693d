"""What is known of a target before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.common.text import Text
from core.job.target_id import TargetId

PreflightStatus: TypeAlias = Literal["works", "note", "cannot"]
"""Will work, will work with something to know, cannot."""


@dataclass(frozen=True)
class PreflightResult:
    """Whether one target can be made, and what it takes and gives."""

    target: TargetId
    status: PreflightStatus
    notes: tuple[Text, ...] = ()
    reason: Text | None = None
    """Why it cannot."""

    next_step: Text | None = None
    size_bytes: int | None = None
    """Estimate of the result's size."""

    seconds: float | None = None
    """Estimate of the time that making and checking it takes on this computer."""

    memory_bytes: float | None = None
    """Estimate of the memory that it takes meanwhile."""
