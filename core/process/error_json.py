"""Readable errors as JSON, to cross from a worker process to its parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.common.errors import ConversionError, EdgePressError
from core.common.text import Text


def error_to_json(error: EdgePressError) -> dict[str, Any]:
    """As plain data; :func:`error_from_json` is its inverse."""
    return {
        "kind": type(error).__name__,
        "reason": error.reason.to_json(),
        "next_step": error.next_step.to_json(),
        "detail": error.detail,
    }


def error_from_json(data: Mapping[str, Any]) -> EdgePressError:
    """Read what :func:`error_to_json` wrote; an unknown kind becomes a ConversionError."""
    kinds = {kind.__name__: kind for kind in _subclasses(EdgePressError)}
    kind = kinds.get(str(data["kind"]), ConversionError)
    return kind(Text.from_json(data["reason"]), next_step=Text.from_json(data["next_step"]), detail=str(data["detail"]))


def _subclasses(kind: type[EdgePressError]) -> Iterator[type[EdgePressError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)
