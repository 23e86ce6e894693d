"""Putting in what is missing, in the background, so that a refresh of the page does not break it off."""

from __future__ import annotations

import threading

from core import toolchain
from core.errors import EdgePressError, ToolError
from core.text import Text, say


class Installation:
    """At most one at a time for the whole server."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.fraction = 0.0
        """Share that is done, 0 to 1."""

        self.message: Text | None = None
        """What is being done."""

        self.error: EdgePressError | None = None
        """Why the last one failed."""

        self.is_running = False
        """Whether one is under way."""

    def start(self) -> None:
        """Begin; nothing happens while one is under way."""
        with self._guard:
            if self.is_running:
                return
            self.is_running, self.error, self.fraction, self.message = True, None, 0.0, None
        threading.Thread(target=self._run, daemon=True, name="installation").start()

    def _run(self) -> None:
        try:
            toolchain.complete(self._hear)
        except EdgePressError as exc:
            self.error = exc
        # A thread that dies silently would leave the page waiting.
        except Exception as exc:  # noqa: BLE001
            self.error = ToolError(
                say("The installation did not succeed."),
                next_step=say("Try again. If it happens again, report it together with the technical details."),
                detail=repr(exc),
            )
        finally:
            self.is_running = False

    def _hear(self, fraction: float, message: Text) -> None:
        self.fraction, self.message = min(max(fraction, 0.0), 1.0), message


INSTALLATION = Installation()
"""The one of this server."""
