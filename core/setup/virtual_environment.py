"""Virtual environments: make one, ask its interpreter, and record what was installed into it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.common.json_files import read_json, write_json
from core.setup import installer
from core.setup.command import run_captured

OLDEST_PYTHON = (3, 10)

_VERSION_SECONDS = 60.0


def interpreter(folder: Path) -> Path:
    """The interpreter of the virtual environment in ``folder``, whether it exists or not."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_version(python: Path) -> tuple[int, int] | None:
    """The version of an interpreter, None where it does not run.

    The interpreter itself is asked: after a system upgrade, ``pyvenv.cfg`` may no longer be true.
    """
    command = [str(python), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        ran = run_captured(command, timeout=_VERSION_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = ran.stdout.split()
    return (int(numbers[0]), int(numbers[1])) if ran.returncode == 0 and len(numbers) == 2 else None


def has_pip(python: Path) -> bool:
    """Whether packages can be installed; making an environment that was interrupted leaves it without pip."""
    return run_captured([str(python), "-m", "pip", "--version"]).returncode == 0


def make_empty(folder: Path) -> None:
    """Make a virtual environment with pip and nothing else; what was in the folder is deleted.

    Raises:
        ToolError: venv failed.
    """
    made = run_captured([sys.executable, "-m", "venv", "--clear", str(folder)])
    if made.returncode != 0:
        raise installer.failure(made.stdout + made.stderr)


@dataclass(frozen=True)
class InstallationRecord:
    """A small file in an environment that says what was installed there completely, and for which Python."""

    path: Path
    requirements: tuple[Path, ...]
    """The requirement files; a change in one of them, be it a comment, makes the record outdated."""

    def is_current(self, python: tuple[int, int]) -> bool:
        """Whether exactly these requirements were installed for this version of Python."""
        return self._read() == self._content(python)

    def is_of_other_python(self, python: tuple[int, int]) -> bool:
        """Whether it was written for another version of Python."""
        recorded = self._read()
        return bool(recorded) and recorded.get("python") != list(python)

    def write(self, python: tuple[int, int]) -> None:
        """Record that everything is installed.

        Raises:
            OSError: the disk is full or read-only.
        """
        write_json(self.path, self._content(python))

    def delete(self) -> None:
        """Forget that anything is installed completely."""
        self.path.unlink(missing_ok=True)

    def _content(self, python: tuple[int, int]) -> dict[str, object]:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in self.requirements))
        return {"python": list(python), "requirements": digest.hexdigest()}

    def _read(self) -> dict[str, object]:
        try:
            recorded = read_json(self.path)
        except (OSError, ValueError):
            return {}
        return recorded if isinstance(recorded, dict) else {}
