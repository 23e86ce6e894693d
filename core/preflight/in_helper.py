"""Inspect models and check targets in a helper process: a file may be made to take all memory or never to end."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, EdgePressError, SourceError
from core.common.memory import limit_own_memory
from core.job.preflight_result import PreflightResult
from core.onnx_model.damaged import damaged
from core.onnx_model.external_data import external_locations
from core.onnx_model.inspect import inspect
from core.onnx_model.source import Source
from core.preflight.preflight import check_targets
from core.process import messages
from core.process.helper_process import HelperProcess

_SECONDS, _BYTES_PER_SECOND = 20.0, 20e6
"""Time for any file, and how much of a large one is read in a second at least."""

_BYTES, _COPIES = 450_000_000, 6
"""Memory for any file, the process itself included; and how many copies of a large one there may be."""

_BYTES_PER_BYTE, _MOST_FOR_NODES = 60, 800_000_000
"""Of a small file: it may consist of nodes alone, which take that much more memory once they are read, up to this."""

_helper = HelperProcess(("core.preflight.in_helper",), ended=messages.reading_ended)
atexit.register(_helper.close)


def prepare() -> None:
    """Start the process, so that the first model waits for it less."""
    _helper.prepare()


def end_helper() -> None:
    """End the process, which holds memory; a further call starts another one."""
    _helper.close()


def inspect_in_helper(path: Path) -> Source:
    """As :func:`core.onnx_model.inspect.inspect`.

    Raises:
        SourceError: the model cannot be used, whatever is wrong with it.
    """
    source: Source = _call(path, inspect, path)
    return source


def check_targets_in_helper(source: Source, **options: Any) -> tuple[PreflightResult, ...]:
    """As :func:`core.preflight.preflight.check_targets`.

    Raises:
        SourceError: the model takes too much time or memory.
    """
    results: tuple[PreflightResult, ...] = _call(source.path, check_targets, source, options)
    return results


def external_locations_in_helper(path: Path) -> frozenset[str]:
    """As :func:`core.onnx_model.external_data.external_locations`; empty also where reading takes too much."""
    try:
        found: frozenset[str] = _call(path, external_locations, path)
    except EdgePressError:
        return frozenset()
    return found


def _call(path: Path, function: Callable[..., Any], argument: Any, options: Mapping[str, Any] | None = None) -> Any:
    size = _size(path)
    seconds = _SECONDS + size / _BYTES_PER_SECOND
    most = _BYTES + max(_COPIES * size, min(_BYTES_PER_BYTE * size, _MOST_FOR_NODES))
    try:
        return _helper.call(_run, function, path, argument, options or {}, most, seconds=seconds, max_bytes=most)
    except ConversionError as exc:
        raise SourceError(exc.reason, next_step=exc.next_step, detail=exc.detail) from exc


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # inspect says what is wrong with it
        return 0


def _run(function: Callable[..., Any], path: Path, argument: Any, options: Mapping[str, Any], most: int) -> Any:
    """In the helper process: onnx raises anything on a damaged file."""
    limit_own_memory(most)
    try:
        return function(argument, **options)
    except EdgePressError:
        raise
    except MemoryError as exc:
        reason, next_step = messages.reading_ended(None, "memory", 0.0)
        raise SourceError(reason, next_step=next_step, detail=repr(exc)) from exc
    except Exception as exc:
        raise damaged(path, exc) from exc
