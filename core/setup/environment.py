"""EdgePress's own Python folder (.venv): is this computer fit for it, is it made, is it up to date."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.common.errors import OptionError, ToolError
from core.common.json_files import read_json, write_json
from core.common.progress import Progress, portion, silent
from core.common.text import Text, say
from core.setup import installer

NEEDED_BYTES = 1_500_000_000
"""Free disk space for all the packages and what pip keeps while it works."""

NEWEST_TESTED = (3, 13)
"""The newest Python that EdgePress was tried on."""

RUN = ("requirements.txt", "requirements-nodeps.txt")
"""What the app needs."""

TEST = (*RUN, "requirements-test.txt")
"""What the tests need on top."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment inside one copy of EdgePress."""

    root: Path
    """The copy of EdgePress, where the requirement files lie."""

    @property
    def folder(self) -> Path:
        """Where the virtual environment is."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter, whether it is there or not."""
        return interpreter(self.folder)


@dataclass(frozen=True)
class InstallationOrder:
    """What an environment shall hold."""

    requirements: tuple[str, ...]
    """Names of the requirement files in the root."""

    wheels: Path | None = None
    """A folder of wheels to install from instead of the internet."""


def is_ready(environment: Environment, order: InstallationOrder) -> bool:
    """Whether everything ordered was installed earlier; answered in some hundredths of a second."""
    version = python_version(environment.python)
    return version is not None and _read_stamp(environment, order) == _stamp(environment, order, version)


def prepare(
    environment: Environment, order: InstallationOrder, *, progress: Progress = silent
) -> tuple[ToolError, ...]:
    """Make or complete the environment; a broken one, or one whose Python is gone, is made anew.

    Args:
        environment: which one.
        order: what it shall hold.
        progress: hears of every package.

    Returns:
        What could not be had, although EdgePress works without it; empty when all went well.

    Raises:
        ToolError: this computer is not fit for it, or installing did not work.
        OptionError: there is no such folder of wheels.
    """
    check_computer(environment.root)
    check_wheels(order.wheels)
    version = python_version(environment.python)
    if version is None or not _usable(environment, order, version):
        progress(0.0, say("Making a Python folder for EdgePress (.venv)."))
        _create(environment)
        version = python_version(environment.python) or sys.version_info[:2]
    progress(0.05, say("Fetching the parts that EdgePress needs. The first time this takes a few minutes."))
    for name in order.requirements:
        if name != "requirements-nodeps.txt":
            _install(environment, order, name, progress=portion(progress, 0.05, 0.8))
    shortfalls = _install_without_dependencies(environment, order, progress=portion(progress, 0.8, 1.0))
    if not shortfalls:  # else the next start tries again
        _write_stamp(environment, order, version)
    return shortfalls


def check_wheels(wheels: Path | None) -> None:
    """Refuse a folder of wheels that is not there.

    Raises:
        OptionError: it is named, but does not exist.
    """
    if wheels and not wheels.is_dir():
        raise OptionError(
            say("There is no folder {folder} to install from.", folder=str(wheels)),
            next_step=say("Check the path after --wheels, then start again."),
        )


def check_computer(root: Path, *, needed_bytes: int = NEEDED_BYTES, next_step: Text | None = None) -> None:
    """Refuse early, in clear words, what would fail late in dark ones.

    Args:
        root: the copy of EdgePress, or the folder in which another environment shall be made.
        needed_bytes: free disk space that installing takes.
        next_step: what to do where there is less; None: the advice for EdgePress itself.

    Raises:
        ToolError: a 32-bit Python, a Python without venv, a folder that cannot be written, or too little disk space.
    """
    complaint = python_complaint()
    if complaint is not None:
        raise ToolError(
            complaint,
            next_step=say("Install the 64-bit Python 3.13 from python.org, then start again."),
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise _without_venv(missing)
    _check_writable(root)
    free = shutil.disk_usage(root).free
    if free < needed_bytes:
        raise ToolError(
            say(
                "The disk is nearly full: {free} GB are free, {needed} GB are needed.",
                free=f"{free / 1e9:.1f}",
                needed=f"{needed_bytes / 1e9:.1f}",
            ),
            next_step=next_step
            or say("Free some space, or move the EdgePress folder to another disk, then start again."),
            detail=str(root),
        )


def python_complaint() -> Text | None:
    """Why this Python cannot be used, None where it can; one that is too old cannot even read this file."""
    if sys.maxsize <= 2**32:
        return say("This Python is a 32-bit one; the parts that EdgePress needs exist for 64-bit only.")
    return None


def python_warning() -> Text | None:
    """What to say of a Python newer than all that were tried; nothing otherwise."""
    if sys.version_info[:2] <= NEWEST_TESTED:
        return None
    return say(
        "Python {version} is newer than what EdgePress was tried on (3.10 to 3.13). If something fails, use 3.13.",
        version=".".join(map(str, sys.version_info[:2])),
    )


def _without_venv(missing: Sequence[str]) -> ToolError:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return ToolError(
        say("This Python lacks the part that makes Python folders (venv)."),
        next_step=say(
            "On Debian or Ubuntu run this, then start again: sudo apt install python{version}-venv\n"
            "Elsewhere install Python from python.org.",
            version=version,
        ),
        detail=f"{sys.executable}: no module named {', '.join(missing)}",
    )


def _check_writable(root: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise ToolError(
            say("EdgePress cannot write into its own folder: {folder}", folder=str(root)),
            next_step=say("Move the EdgePress folder to a place that is yours, then start again."),
            detail=str(error),
        ) from error


def interpreter(folder: Path) -> Path:
    """The interpreter of the virtual environment in ``folder``, whether it is there or not."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_version(python: Path) -> tuple[int, int] | None:
    """The version of an interpreter, None where it does not run.

    It is asked itself: after a system upgrade, what ``pyvenv.cfg`` says may no longer be true.
    """
    command = [str(python), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return (int(answer[0]), int(answer[1])) if len(answer) == 2 else None


def _usable(environment: Environment, order: InstallationOrder, version: tuple[int, int]) -> bool:
    """Whether packages can be added to what is there; an interrupted first start leaves one without pip."""
    stamp = _read_stamp(environment, order)
    if version < (3, 10) or (stamp and stamp.get("python") != list(version)):
        return False
    return has_pip(environment.python)


def has_pip(python: Path) -> bool:
    """Whether packages can be added to an environment; making one that was interrupted leaves it without pip."""
    command = [str(python), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _create(environment: Environment) -> None:
    make_empty(environment.folder)


def make_empty(folder: Path) -> None:
    """Make a virtual environment with pip and nothing else; what was in the folder is gone.

    Raises:
        ToolError: venv failed.
    """
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    made = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, check=False
    )
    if made.returncode != 0:
        raise installer.failure(made.stdout + made.stderr)


def _install(
    environment: Environment, order: InstallationOrder, name: str, *, progress: Progress, options: Sequence[str] = ()
) -> None:
    source = ["--no-index", "--find-links", str(order.wheels.resolve())] if order.wheels else []
    installer.install(
        [*source, *options, "-r", str(environment.root / name)], python=environment.python, progress=progress
    )


def _install_without_dependencies(
    environment: Environment, order: InstallationOrder, *, progress: Progress
) -> tuple[ToolError, ...]:
    """The ncnn converter: three of the six targets work without it, so its absence must not stop the start."""
    try:
        _install(environment, order, "requirements-nodeps.txt", progress=progress, options=["--no-deps"])
    except ToolError as error:
        return (error,)
    return ()


def _stamp_path(environment: Environment, order: InstallationOrder) -> Path:
    return environment.folder / ("edgepress-test.json" if order.requirements == TEST else "edgepress.json")


def _stamp(environment: Environment, order: InstallationOrder, version: tuple[int, int]) -> dict[str, object]:
    digest = hashlib.sha256()
    for name in order.requirements:
        digest.update((environment.root / name).read_bytes())
    return {"python": list(version), "requirements": digest.hexdigest()}


def _read_stamp(environment: Environment, order: InstallationOrder) -> dict[str, object]:
    try:
        stamp = read_json(_stamp_path(environment, order))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(environment: Environment, order: InstallationOrder, version: tuple[int, int]) -> None:
    write_json(_stamp_path(environment, order), _stamp(environment, order, version))
