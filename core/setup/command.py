"""Run a short command to its end, with its output captured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from core.common.paths import PROJECT_ROOT


def run_captured(
    command: Sequence[str], *, timeout: float | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing on its standard input; its output is read as UTF-8, whatever it holds.

    It runs in EdgePress's own folder: Python started with ``-m`` or ``-c`` imports from the current one first, and
    that may hold another ``onnx.py``.

    Args:
        command: the program and its arguments; paths are absolute.
        timeout: seconds after which it is killed.
        variables: environment variables to set on top of the current ones.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it took longer than ``timeout``.
    """
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
