"""Putting in what is missing, in the background, so that a refresh of the page does not break it off."""

from __future__ import annotations

from collections.abc import Callable

from core.common.progress import Progress
from core.process.background_task import BackgroundTask
from core.setup.toolchain import Component, complete


def _install(*, progress: Progress, cancelled: Callable[[], bool]) -> tuple[Component, ...]:  # noqa: ARG001 - pip is let finish
    return complete(progress)


INSTALLATION: BackgroundTask[tuple[Component, ...]] = BackgroundTask(_install)
"""The one of this server."""
