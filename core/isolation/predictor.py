"""A predictor whose model is loaded and run in the helper process."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import count
from typing import Any

from core.common.errors import ConversionError, EdgePressError
from core.common.memory import release_freed_memory
from core.process import messages
from core.process.helper_process import HelperProcess
from core.runtimes.predictor import Feeds, Predictor, Tensor

_LEAST_SECONDS = 60.0
_TIMES_SOURCE = 20.0
"""Time for one step of a new file, loading it or one run: this often the time that the source took, and never less
than the time above."""

_KEYS = count()

_helper = HelperProcess(("onnxruntime", __name__))
atexit.register(_helper.close)
_seconds = _LEAST_SECONDS


class IsolatedPredictor:
    """A predictor in the helper process: whatever happens there is a ConversionError here.

    Args:
        open_predictor: makes the predictor; it must be importable by name, as its arguments must be picklable.
        arguments: for it.
        threads: threads for one run; 0 for every core.
        seconds: time for loading it, and for each run; by default as :func:`allow_time` says.

    Raises:
        ConversionError: it does not load, or crashed, or took too long or too much memory.
    """

    def __init__(
        self, open_predictor: Callable[..., Predictor], *arguments: Any, threads: int, seconds: float | None = None
    ) -> None:
        self._key = next(_KEYS)
        self._seconds = _seconds if seconds is None else seconds
        self._outputs: Sequence[str] = self._call(_open, open_predictor, arguments, threads)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the order of the source."""
        return tuple(self._outputs)

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference.

        Raises:
            ConversionError: the runtime refused the input, failed, crashed, or took too long or too much memory.
        """
        outputs: dict[str, Tensor] = self._call(_run, dict(feeds))
        return outputs

    def release_memory_after_runs(self) -> None:
        """Take memory for activations only during a run.

        Raises:
            ConversionError: the process has ended.
        """
        self._call(_release_after_runs)

    def close(self) -> None:
        """Release the memory.

        Raises:
            ConversionError: the runtime crashed in it.
        """
        self._call(_close)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return _helper.call(function, self._key, *arguments, seconds=self._seconds)


def allow_time(source_seconds: float) -> None:
    """Set the time for new files.

    Args:
        source_seconds: that the source took to be loaded and run once.
    """
    global _seconds
    _seconds = max(_LEAST_SECONDS, _TIMES_SOURCE * source_seconds)


def prepare_helper(*modules: str) -> None:
    """Start the helper process and import modules there, and do not wait for that: the first predictor waits less.

    Args:
        modules: those that the functions come from which will open predictors.
    """

    def import_all() -> None:
        with suppress(EdgePressError):  # the first call tells it
            for module in modules:
                _helper.call(import_module, module, seconds=_LEAST_SECONDS)

    threading.Thread(target=import_all, daemon=True, name="prepare helper").start()


def end_helper() -> None:
    """Give back the memory of the helper process; the next predictor starts it anew."""
    _helper.close()


_loaded: dict[int, Predictor] = {}
"""In the helper process."""


def _open(key: int, open_predictor: Callable[..., Predictor], arguments: Sequence[Any], threads: int) -> Sequence[str]:
    _loaded[key] = open_predictor(*arguments, threads=threads)
    return _loaded[key].outputs


def _run(key: int, feeds: Feeds) -> dict[str, Tensor]:
    if key not in _loaded:  # another predictor has ended the process in the meantime
        reason, next_step = messages.helper_ended(None, None, 0.0)
        raise ConversionError(reason, next_step=next_step)
    return _loaded[key].run(feeds)


def _release_after_runs(key: int) -> None:
    if key in _loaded:
        _loaded[key].release_memory_after_runs()


def _close(key: int) -> None:
    predictor = _loaded.pop(key, None)
    if predictor is not None:
        predictor.close()
        release_freed_memory()
