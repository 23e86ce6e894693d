"""Which target is at work, and what earlier worker processes of the same job died of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from core.job.outcome import Failed
from core.job.target_id import TargetId

AtTarget: TypeAlias = Callable[[TargetId], AbstractContextManager[object]]
"""Entered while one target's file is made, loaded or run, so that a crash shows whose it is."""


@dataclass(frozen=True)
class Crashes:
    """By it a job goes on without the target that ended its worker process."""

    failed: tuple[Failed, ...] = ()
    """The targets at which a worker process died."""

    one_at_a_time: bool = False
    """Whether one died in the comparison of all files: they are run one after another then, so that a further crash
    shows whose it is, and figures on layers are left out."""
