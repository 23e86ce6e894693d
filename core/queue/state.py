"""The state of a job, as the pages and the command line read it from disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.common.progress import clamp_fraction
from core.common.text import Text
from core.job.target_id import TargetId

JobStatus = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


_LARGEST_PID = 2**31 - 1
_LAST_MOMENT = 32_503_680_000.0
"""The year 3000, in seconds since 1970: what comes later is no date on every system."""


@dataclass(frozen=True)
class JobState:
    """The state of a job at one moment."""

    status: JobStatus
    fraction: float = 0.0
    """Share of the work that is done, 0 to 1."""

    message: Text | None = None
    """What is being done, or was done last."""

    reason: Text | None = None
    """Why it failed or ended early."""

    next_step: Text | None = None
    """What the person can do about it."""

    detail: str = ""
    """Technical detail, such as a traceback."""

    created: float | None = None
    """Seconds since 1970, as the two times below."""

    started: float | None = None
    finished: float | None = None
    pid: int | None = None
    """Process id of the worker, once it runs."""

    targets_made: int | None = None
    """How many targets have been made, or tried, so far; None before the first one is begun."""

    target: TargetId | None = None
    """The target that is being made, or whose file is being loaded or run."""

    @property
    def is_active(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in ("queued", "running")

    def __post_init__(self) -> None:
        # A damaged file must not break the progress bar, nor make us kill process 0 or a process group.
        object.__setattr__(self, "fraction", clamp_fraction(self.fraction))
        if self.pid is not None and not 0 < self.pid <= _LARGEST_PID:
            object.__setattr__(self, "pid", None)
        for name in ("created", "started", "finished"):
            moment = getattr(self, name)
            if moment is not None and not 0 <= moment <= _LAST_MOMENT:  # false for NaN too
                object.__setattr__(self, name, None)
