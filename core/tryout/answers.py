"""What came of a picture that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.common.errors import EdgePressError
from core.job.target_id import TargetId


@dataclass(frozen=True)
class TriedAnswer:
    """What one file predicts for a picture."""

    prediction: Mapping[str, Any]
    """As :meth:`core.tasks.base.Task.to_json` gives it."""

    agreement: float
    """With the original's, 0 to 1."""

    seconds: float
    """That the run took, without loading the file."""


@dataclass(frozen=True)
class TriedPicture:
    """The picture as it is shown."""

    jpeg: bytes
    """At most 1024 pixels wide and high."""

    size: tuple[int, int]
    """Height and width of the picture itself, in whose pixels predictions are."""


@dataclass(frozen=True)
class Tried:
    """A picture with the predictions of the original and of every file."""

    picture: TriedPicture
    original: TriedAnswer
    files: Mapping[TargetId, TriedAnswer]
    errors: Mapping[TargetId, EdgePressError]
    """Of files that cannot be tried."""
