"""Look into folders of examples in a helper process: pictures and label files of strangers are not read in the app."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, ImagesError
from core.common.memory import limit_own_memory
from core.decoding import limit_decoding
from core.inputs.example_folder import ExampleFolder, cut_out_objects, frames, look_into
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.process import messages
from core.process.helper_process import HelperProcess

_SECONDS, _SECONDS_FOR_ONE = 90.0, 10.0
"""Time for a folder, and for one picture in it: the job gives it more."""

_BYTES = 1_300_000_000

_helper = HelperProcess((__name__,), ended=messages.looking_ended)
atexit.register(_helper.close)


def prepare() -> None:
    """Start the process, so that the first folder waits for it less."""
    _helper.prepare()


def look_into_in_helper(folder: Path, source: Source) -> ExampleFolder:
    """As :func:`core.inputs.example_folder.look_into`.

    Raises:
        ImagesError: it cannot be used, or looking into it takes too much time or memory.
    """
    found: ExampleFolder = _call(look_into, folder, source)
    return found


def cut_out_objects_in_helper(folder: Path, preprocessing: Preprocessing, most: int) -> tuple[bytes, ...]:
    """As :func:`core.inputs.example_folder.cut_out_objects`.

    Raises:
        ImagesError: as above.
    """
    found: tuple[bytes, ...] = _call(cut_out_objects, folder, preprocessing, most)
    return found


def frames_in_helper(files: Sequence[Path], preprocessing: Preprocessing) -> tuple[bytes, ...]:
    """As :func:`core.inputs.example_folder.frames`.

    Raises:
        ImagesError: as above.
    """
    found: tuple[bytes, ...] = _call(frames, files, preprocessing)
    return found


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return _helper.call(_run, function, arguments, _SECONDS_FOR_ONE, seconds=_SECONDS, max_bytes=_BYTES)
    except ConversionError as exc:
        raise ImagesError(exc.reason, next_step=exc.next_step, detail=exc.detail) from exc


def _run(function: Callable[..., Any], arguments: Sequence[Any], seconds_for_one: float) -> Any:
    limit_decoding(seconds_for_one)
    limit_own_memory(_BYTES)
    try:
        return function(*arguments)
    except MemoryError as exc:
        reason, next_step = messages.looking_ended(None, "memory", 0.0)
        raise ImagesError(reason, next_step=next_step, detail=repr(exc)) from exc
