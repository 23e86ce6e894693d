"""The separate environment for PyTorch and OpenMMLab: made on demand, completed after an interruption, removable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.common.errors import OptionError, ToolError
from core.common.paths import PROJECT_ROOT, home
from core.common.progress import Progress, portion, silent
from core.common.text import say
from core.setup import installer, virtual_environment
from core.setup.command import run_captured
from core.setup.computer import check_computer
from core.setup.fetched_folder import locked
from core.setup.virtual_environment import OLDEST_PYTHON, InstallationRecord, interpreter, python_version

NEEDED_BYTES = 4_000_000_000
"""Free disk space for the packages (1.6 GB) and for pip's temporary files."""

NEEDED_BYTES_WITH_CUDA = 11_000_000_000
"""The same with the CUDA build of PyTorch (5.6 GB), which pip takes on Linux unless it is configured otherwise."""

COMMAND = "python tools/env_config.py --openmmlab"
"""Makes the environment, from the command line."""

EnvironmentStatus = Literal["absent", "unfinished", "ready"]
"""``unfinished``: making it was interrupted, the requirements have changed since, or its Python is gone."""

_REQUIREMENTS = PROJECT_ROOT / "core" / "pytorch" / "requirements.txt"
_WITHOUT_DEPENDENCIES = PROJECT_ROOT / "core" / "pytorch" / "requirements-nodeps.txt"
_IMPORT_SECONDS = 300.0
_BUSY = say("The OpenMMLab environment is being made or removed in another window.")
_DISK_ADVICE = say(
    "Free some space, let EDGEPRESS_OPENMMLAB point to a folder on another disk, or on Linux let pip fetch the PyTorch "
    "for processors only, which is much smaller (docs/openmmlab.md)."
)


def folder() -> Path:
    """Where the environment is: ``EDGEPRESS_OPENMMLAB``, or ``openmmlab`` in EdgePress's data folder."""
    chosen = os.environ.get("EDGEPRESS_OPENMMLAB")
    return Path(chosen).expanduser().absolute() if chosen else home() / "openmmlab"


def python() -> Path:
    """Its interpreter, whether it exists or not."""
    return interpreter(folder())


def site_packages() -> Path | None:
    """Where its packages are, None where it is not made."""
    found = sorted(folder().glob("lib/python3*/site-packages")) or sorted(folder().glob("Lib/site-packages"))
    return found[-1] if found else None


def is_ready() -> bool:
    """Whether everything is installed as pinned; takes some hundredths of a second."""
    version = python_version(python())
    return version is not None and _record().is_current(version)


def status() -> EnvironmentStatus:
    """Whether it is ready, incomplete, or not there at all."""
    if is_ready():
        return "ready"
    return "unfinished" if _is_ours(folder()) else "absent"


def size() -> int:
    """Bytes on the disk, 0 where it is not there; takes about a second."""
    if not _is_ours(folder()):
        return 0
    total = 0
    for parent, _, names in os.walk(folder()):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:  # removed in this moment
                continue
    return total


def require() -> None:
    """Make sure that it is ready.

    Raises:
        ToolError: it is not; the next step names the command that makes it.
    """
    if not is_ready():
        raise ToolError(
            say("The OpenMMLab environment is not ready. It holds PyTorch and the OpenMMLab packages."),
            next_step=say(
                "Make it once with: {command} (about 1.6 GB, on Linux up to 6 GB, and a few minutes), or with the "
                "button on the page.",
                command=COMMAND,
            ),
            detail=str(folder()),
        )


def create(progress: Progress = silent, *, wheels: Path | None = None) -> None:
    """Make it, or complete it where making it was interrupted; return at once where it is ready.

    A ``progress`` that raises stops the work: pip is killed, and a later call continues.

    Args:
        progress: called for every package.
        wheels: a folder of wheels to install from instead of the internet; filled with
            ``pip download -d DIR -r core/pytorch/requirements.txt`` and
            ``pip download --no-deps -d DIR -r core/pytorch/requirements-nodeps.txt``.

    Raises:
        ToolError: this computer is not fit for it, installing did not work, the packages do not start, or
            another EdgePress is making it right now.
        OptionError: there is no such folder of wheels, or the environment's folder holds something else.
    """
    if is_ready():
        return
    _check_folder(folder())
    installer.check_wheels(wheels)
    folder().parent.mkdir(parents=True, exist_ok=True)
    check_computer(folder().parent, needed_bytes=needed_bytes(wheels), disk_advice=_DISK_ADVICE)
    with locked(folder(), busy=_BUSY):
        _create(progress, wheels)


def needed_bytes(wheels: Path | None = None) -> int:
    """Free disk space that making or completing it takes.

    Args:
        wheels: the folder of wheels to install from, if any.
    """
    if sys.platform != "linux" or _has_torch() or _gets_cpu_build(wheels):
        return NEEDED_BYTES
    return NEEDED_BYTES_WITH_CUDA


def remove() -> None:
    """Delete it; nothing happens where it is not there.

    Raises:
        ToolError: it is being made right now, or its files are in use.
        OptionError: the folder holds something else.
    """
    if not folder().exists():
        return
    _check_folder(folder())
    try:
        with locked(folder(), busy=_BUSY):
            _record().delete()  # half removed is not ready
            shutil.rmtree(folder())
    except OSError as exc:
        raise ToolError(
            say("The OpenMMLab environment could not be removed completely: a file is in use."),
            next_step=say("Wait until exports have finished, then try again."),
            detail=str(exc),
        ) from exc


def _create(progress: Progress, wheels: Path | None) -> None:
    version = python_version(python())
    if version is None or version < OLDEST_PYTHON or not virtual_environment.has_pip(python()):
        progress(0.0, say("Making a Python folder for OpenMMLab."))
        virtual_environment.make_empty(folder())
        version = python_version(python()) or sys.version_info[:2]
    _record().delete()
    source = installer.wheel_options(wheels)
    progress(0.03, say("Fetching PyTorch and the packages that OpenMMLab needs. This takes a few minutes."))
    _install([*source, "-r", str(_REQUIREMENTS)], portion(progress, 0.03, 0.8))
    progress(0.8, say("Fetching the OpenMMLab packages."))
    _install([*source, "--no-deps", "-r", str(_WITHOUT_DEPENDENCIES)], portion(progress, 0.8, 0.92))
    progress(0.92, say("Trying the packages out."))
    _check_imports()
    _record().write(version)
    progress(1.0, say("The OpenMMLab environment is ready."))


def _has_torch() -> bool:
    packages = site_packages()
    return packages is not None and (packages / "torch" / "version.py").is_file()


def _gets_cpu_build(wheels: Path | None) -> bool:
    """Whether pip will take the CPU build of PyTorch: from the wheels, or from an index named in its settings."""
    if wheels is not None:
        return any(wheels.glob("torch-*cpu*.whl"))
    settings = run_captured([sys.executable, "-m", "pip", "config", "list"]).stdout
    return "/whl/cpu" in settings


def _install(arguments: Sequence[str], progress: Progress) -> None:
    installer.install(arguments, python=python(), progress=progress)


def _check_imports() -> None:
    """Import everything once: what is broken must show now, not in the middle of an export."""
    command = [str(python()), "-m", "core.pytorch.worker.import_check"]
    variables = {"PYTHONUTF8": "1", "PYTHONPATH": str(PROJECT_ROOT)}
    try:
        ran = run_captured(command, timeout=_IMPORT_SECONDS, variables=variables)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _imports_failed(str(exc)) from exc
    if ran.returncode != 0:
        raise _imports_failed(f"exit code {ran.returncode}\n{ran.stderr[-3000:]}")


def _imports_failed(detail: str) -> ToolError:
    return ToolError(
        say("The OpenMMLab packages are installed but do not start on this computer."),
        next_step=say("Remove the environment and make it anew. If that fails too, the technical detail tells why."),
        detail=detail,
    )


def _check_folder(path: Path) -> None:
    """Making or removing it empties the folder, so it must be ours."""
    if path.exists() and not _is_ours(path) and (not path.is_dir() or any(path.iterdir())):
        raise OptionError(
            say('The folder "{folder}" holds something else than the OpenMMLab environment.', folder=path),
            next_step=say("Let EDGEPRESS_OPENMMLAB point to a folder that is empty or does not exist yet."),
        )


def _is_ours(path: Path) -> bool:
    return (path / "pyvenv.cfg").is_file()


def _record() -> InstallationRecord:
    return InstallationRecord(folder() / "edgepress-openmmlab.json", (_REQUIREMENTS, _WITHOUT_DEPENDENCIES))
