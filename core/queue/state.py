"""Where a job stands, as the pages and the command line read it from disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.text import Text

Status = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class JobState:
    """One moment of a job."""

    status: Status
    fraction: float = 0.0
    """Share of the work that is done, 0 to 1."""

    message: Text | None = None
    """What is being done, or was done last."""

    reason: Text | None = None
    """Why it failed or ended early."""

    next_step: Text | None = None
    """What the person can do about it."""

    detail: str = ""
    """Technical detail for the curious."""

    created: float | None = None
    """Seconds since 1970, as the other two times."""

    started: float | None = None
    finished: float | None = None
    pid: int | None = None
    """The worker process, once it has said so."""

    @property
    def is_active(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in ("queued", "running")

    def to_json(self) -> dict[str, Any]:
        """As plain data; :meth:`from_json` is its inverse."""
        return {
            "status": self.status,
            "fraction": self.fraction,
            "message": _text_to_json(self.message),
            "reason": _text_to_json(self.reason),
            "next_step": _text_to_json(self.next_step),
            "detail": self.detail,
            "created": self.created,
            "started": self.started,
            "finished": self.finished,
            "pid": self.pid,
        }

    @classmethod
    def from_json(cls, data: Any) -> JobState:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: it is something else, or damaged.
        """
        if not isinstance(data, Mapping) or data.get("status") not in get_args(Status):
            raise ValueError("no job state")
        pid = data.get("pid")
        return cls(
            status=data["status"],
            fraction=share(_number(data.get("fraction")) or 0.0),
            message=_text_from_json(data.get("message")),
            reason=_text_from_json(data.get("reason")),
            next_step=_text_from_json(data.get("next_step")),
            detail=str(data.get("detail", "")),
            created=_number(data.get("created")),
            started=_number(data.get("started")),
            finished=_number(data.get("finished")),
            pid=pid if isinstance(pid, int) and pid > 0 else None,
        )


def share(fraction: float) -> float:
    """Bring it between 0 and 1, which a progress bar insists on."""
    return min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0


def _text_to_json(text: Text | None) -> dict[str, Any] | None:
    return None if text is None else text.to_json()


def _text_from_json(data: Any) -> Text | None:
    if data is None:
        return None
    try:
        text = Text.from_json(data)
        str(text)  # a template and values that do not fit must not surprise the page that shows it
    except (KeyError, IndexError, TypeError, AttributeError) as exc:
        raise ValueError("no sentence") from exc
    return text


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, OverflowError) as exc:
        raise ValueError("no number") from exc
