"""Run a tool that was started with a bare Python with EdgePress's own instead, where everything is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.common.console import Console
from core.common.errors import ToolError
from core.common.interrupt import STOPPED, raise_when_interrupted
from core.common.text import say
from core.setup.environment import Environment


def is_bare() -> bool:
    """Whether this Python is neither a virtual environment nor one that holds EdgePress's packages."""
    is_virtual = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    return not is_virtual and importlib.util.find_spec("streamlit") is None


def run_with_own_python(root: Path, command: Sequence[str] = tuple(sys.argv)) -> None:
    """Run the same command with EdgePress's own Python and end with its exit code.

    Nothing happens where this Python is the right one already, or EdgePress has none of its own yet.

    Args:
        root: the copy of EdgePress.
        command: the script and what follows it.
    """
    own = Environment(root).python
    if not own.is_file() or not is_bare():
        return
    raise_when_interrupted()  # it has work to wait for
    try:
        code = subprocess.run([str(own), *command], check=False).returncode
    except KeyboardInterrupt:  # the terminal sends it to both
        code = STOPPED
    except OSError:  # its Python was removed; then this one reports what is missing
        return
    sys.exit(code)


def require_packages(root: Path) -> None:
    """Run with EdgePress's own Python; where there is none and this one is bare, end with a readable error.

    Args:
        root: the copy of EdgePress.
    """
    run_with_own_python(root)
    if is_bare():
        missing = ToolError(
            say("The parts that EdgePress needs are not installed."),
            next_step=say("Put them in place with one of these: python start.py, or python tools/env_config.py"),
            detail=sys.executable,
        )
        Console(sys.stderr).error(missing)
        sys.exit(2)
