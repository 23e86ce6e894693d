"""The installation of missing components in the background, so a refresh of the page does not end it."""

from __future__ import annotations

from collections.abc import Callable

from core.common.progress import Progress
from core.process.background_task import BackgroundTask
from core.setup.toolchain import Component, complete


def _install(*, progress: Progress, cancelled: Callable[[], bool]) -> tuple[Component, ...]:  # noqa: ARG001 - pip is not interrupted
    return complete(progress)


INSTALLATION: BackgroundTask[tuple[Component, ...]] = BackgroundTask(_install)
"""One for the whole server."""
