"""EdgePress's own virtual environment (.venv): make it, complete it, and tell whether it is up to date."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.common.errors import ToolError
from core.common.progress import Progress, portion, silent
from core.common.text import say
from core.setup import installer, virtual_environment
from core.setup.computer import check_computer
from core.setup.virtual_environment import OLDEST_PYTHON, InstallationRecord, interpreter, python_version

NEEDED_BYTES = 1_500_000_000
"""Free disk space for all the packages and for pip's temporary files."""

RUN = ("requirements.txt", "requirements-nodeps.txt")
"""What the app needs."""

TEST = (*RUN, "requirements-test.txt")
"""What the tests need."""

_WITHOUT_DEPENDENCIES = "requirements-nodeps.txt"


@dataclass(frozen=True)
class Environment:
    """The virtual environment inside one copy of EdgePress."""

    root: Path
    """The copy of EdgePress, with the requirement files."""

    @property
    def folder(self) -> Path:
        """Where the virtual environment is."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter, whether it exists or not."""
        return interpreter(self.folder)


@dataclass(frozen=True)
class InstallPlan:
    """What to install into an environment, and from where."""

    requirements: tuple[str, ...]
    """Names of the requirement files in the root."""

    wheels: Path | None = None
    """A folder of wheels to install from instead of the internet."""


def is_ready(environment: Environment, plan: InstallPlan) -> bool:
    """Whether everything planned was installed earlier; takes some hundredths of a second."""
    version = python_version(environment.python)
    return version is not None and _record(environment, plan).is_current(version)


def prepare(environment: Environment, plan: InstallPlan, *, progress: Progress = silent) -> tuple[ToolError, ...]:
    """Make or complete the environment; a broken one, or one whose Python is gone, is made anew.

    Args:
        environment: which one.
        plan: what to install.
        progress: called for every package.

    Returns:
        Why optional packages could not be installed; EdgePress works without them. Empty when all went well.

    Raises:
        ToolError: this computer is not fit for it, or installing did not work.
        OptionError: there is no such folder of wheels.
    """
    check_computer(
        environment.root,
        needed_bytes=NEEDED_BYTES,
        disk_advice=say("Free some space, or move the EdgePress folder to another disk, then start again."),
    )
    installer.check_wheels(plan.wheels)
    version = python_version(environment.python)
    if version is None or not _is_usable(environment, plan, version):
        progress(0.0, say("Making a Python folder for EdgePress (.venv)."))
        virtual_environment.make_empty(environment.folder)
        version = python_version(environment.python) or sys.version_info[:2]
    progress(0.05, say("Fetching the parts that EdgePress needs. The first time this takes a few minutes."))
    for name in plan.requirements:
        if name != _WITHOUT_DEPENDENCIES:
            _install(environment, plan, name, progress=portion(progress, 0.05, 0.8))
    failures = _install_without_dependencies(environment, plan, progress=portion(progress, 0.8, 1.0))
    if not failures:  # else the next start tries again
        _record(environment, plan).write(version)
    return failures


def _record(environment: Environment, plan: InstallPlan) -> InstallationRecord:
    name = "edgepress-test.json" if plan.requirements == TEST else "edgepress.json"
    return InstallationRecord(environment.folder / name, tuple(environment.root / file for file in plan.requirements))


def _is_usable(environment: Environment, plan: InstallPlan, version: tuple[int, int]) -> bool:
    """Whether packages can be added to what is there."""
    if version < OLDEST_PYTHON or _record(environment, plan).is_of_other_python(version):
        return False
    return virtual_environment.has_pip(environment.python)


def _install(
    environment: Environment, plan: InstallPlan, name: str, *, progress: Progress, options: Sequence[str] = ()
) -> None:
    source = installer.wheel_options(plan.wheels)
    installer.install(
        [*source, *options, "-r", str(environment.root / name)], python=environment.python, progress=progress
    )


def _install_without_dependencies(
    environment: Environment, plan: InstallPlan, *, progress: Progress
) -> tuple[ToolError, ...]:
    """Pnnx, the ncnn converter: three of the six targets work without it, so its absence must not stop the start."""
    try:
        _install(environment, plan, _WITHOUT_DEPENDENCIES, progress=progress, options=["--no-deps"])
    except ToolError as error:
        return (error,)
    return ()
