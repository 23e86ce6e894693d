"""The checks and tests that every change must pass."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


@dataclass(frozen=True)
class Check:
    """One tool and its arguments."""

    name: str
    arguments: tuple[str, ...]
    """What follows the interpreter."""

    def run(self, python: Path, root: Path) -> bool:
        """Run it with its output on this console; return whether it passed."""
        environment = {**os.environ, "PYTHONUTF8": "1"}
        return subprocess.run([str(python), *self.arguments], cwd=root, env=environment, check=False).returncode == 0


# One process a core, but no more than memory allows. Tests of one file share what they set up. In their own order those
# in the browser come last, as tests/conftest.py has it: Playwright leaves an event loop running.
_PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")


def steps(pytest_arguments: Sequence[str]) -> tuple[Check, ...]:
    """All checks in their order, the tests last.

    Args:
        pytest_arguments: passed to pytest; without any, it runs every test. ``-n 0`` runs them in one process.
    """
    return (
        Check("ruff check", ("-m", "ruff", "check", ".")),
        Check("ruff format", ("-m", "ruff", "format", "--check", ".")),
        Check("mypy", ("-m", "mypy")),
        Check("import-linter", ("-c", _LINT_IMPORTS)),
        Check("interrogate", ("-m", "interrogate", ".")),
        Check("pytest", ("-m", "pytest", *_PARALLEL, *pytest_arguments)),
    )
