"""The other side of :mod:`core.process.helper_process`: runs one call after another until its parent is gone."""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, TypeAlias

from core.common.errors import ConversionError, EdgePressError
from core.common.unexpected_errors import describe_unexpected_error
from core.process.error_json import error_to_json
from core.process.lifecycle import end_with_children, take_over_standard_input

_Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]


def main(modules: Sequence[str]) -> None:
    """Serve the calls that come through standard input.

    Args:
        modules: imported first.
    """
    faulthandler.enable()
    _die_first()
    calls: SimpleQueue[_Call] = SimpleQueue()
    requests = os.fdopen(take_over_standard_input(), "rb")
    with os.fdopen(os.dup(1), "wb") as responses:
        os.dup2(2, 1)  # what libraries print must not come between the responses
        # Before the thread starts: what it unpickles imports modules too, and of two threads that import modules which
        # need each other, one may see half of one.
        for module in modules:
            import_module(module)
        threading.Thread(target=_receive, args=(requests, calls), daemon=True, name="requests").start()
        while True:
            _serve(calls, responses)


def _receive(requests: BinaryIO, calls: SimpleQueue[_Call]) -> None:
    """Read all the time, since only then the end of the parent is noticed while a call is running."""
    try:
        while True:
            calls.put(pickle.load(requests))
    except EOFError:
        pass
    finally:
        end_with_children()


def _serve(calls: SimpleQueue[_Call], responses: BinaryIO) -> None:
    function, arguments = calls.get()
    pickle.dump(_respond(function, arguments), responses, protocol=5)
    responses.flush()


def _respond(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return {"value": function(*arguments)}
    except EdgePressError as exc:
        return {"error": error_to_json(exc)}
    # The last place that can turn it into a readable error.
    except Exception as exc:  # noqa: BLE001
        reason, next_step, detail = describe_unexpected_error(exc)
        return {"error": error_to_json(ConversionError(reason, next_step=next_step, detail=detail))}


def _die_first() -> None:
    """Where the memory runs out, Linux is to end this process, not the one that waits for its answer."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
