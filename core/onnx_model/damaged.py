"""The error about a model on which a library failed in a way that nobody foresaw."""

from __future__ import annotations

from pathlib import Path

from core.common.errors import SourceError
from core.common.text import say


def damaged(path: Path, error: Exception) -> SourceError:
    """What a person is told of it: onnx raises anything on a damaged file."""
    return SourceError(
        say('"{name}" is damaged, or built in a way that ONNX does not allow.', name=path.name),
        next_step=say("Pick another file, or export or download the model again."),
        detail=repr(error)[:2000],
    )
