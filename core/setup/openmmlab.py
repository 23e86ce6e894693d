"""The environment of its own for PyTorch and OpenMMLab: made on demand, carried on after a break, removable."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.common.errors import OptionError, ToolError
from core.common.file_lock import FileLock
from core.common.json_files import read_json, write_json
from core.common.paths import PROJECT_ROOT, home
from core.common.progress import Progress, portion, silent
from core.common.text import say
from core.setup import environment as launch
from core.setup import installer

NEEDED_BYTES = 4_000_000_000
"""Free disk space for the packages (1.6 GB) and what pip keeps while it works."""

NEEDED_BYTES_FOR_GRAPHICS = 11_000_000_000
"""The same with the PyTorch for graphics cards (5.6 GB), which pip fetches on Linux unless it is told otherwise."""

COMMAND = "python tools/env_config.py --openmmlab"
"""What makes the environment from the command line."""

EnvironmentStatus = Literal["absent", "unfinished", "ready"]
"""``unfinished``: making it was interrupted, its pins are of another version, or its Python is gone."""

_REQUIREMENTS = PROJECT_ROOT / "core" / "pytorch" / "requirements.txt"
_WITHOUT_DEPENDENCIES = PROJECT_ROOT / "core" / "pytorch" / "requirements-nodeps.txt"
_STAMP = "edgepress-openmmlab.json"
_TRIAL_SECONDS = 300
_TIGHT = say(
    "Free some space, let EDGEPRESS_OPENMMLAB point to a folder on another disk, or on Linux let pip fetch the PyTorch "
    "for processors only, which is much smaller (docs/openmmlab.md)."
)


def folder() -> Path:
    """Where the environment is: ``EDGEPRESS_OPENMMLAB``, or ``openmmlab`` in EdgePress's data folder."""
    chosen = os.environ.get("EDGEPRESS_OPENMMLAB")
    return Path(chosen).expanduser().absolute() if chosen else home() / "openmmlab"


def python() -> Path:
    """Its interpreter, whether it is there or not."""
    return launch.interpreter(folder())


def site_packages() -> Path | None:
    """Where its packages are, None while it is not made."""
    found = sorted(folder().glob("lib/python3*/site-packages")) or sorted(folder().glob("Lib/site-packages"))
    return found[-1] if found else None


def is_ready() -> bool:
    """Whether everything is there, as pinned; answered in some hundredths of a second."""
    version = launch.python_version(python())
    return version is not None and _read_stamp() == _stamp(version)


def status() -> EnvironmentStatus:
    """Whether it is there, half made, or not there at all."""
    if is_ready():
        return "ready"
    return "unfinished" if _is_ours(folder()) else "absent"


def size() -> int:
    """Bytes on the disk, 0 while it is not there; takes about a second."""
    if not _is_ours(folder()):
        return 0
    sizes = 0
    for place, _, names in os.walk(folder()):
        for name in names:
            try:
                sizes += (Path(place) / name).lstat().st_size
            except OSError:  # removed in this moment
                continue
    return sizes


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
    """Make it, or carry on where making it was interrupted; returns at once where it is ready.

    A listener that raises stops the work: pip is ended, and a later call carries on.

    Args:
        progress: hears of every package.
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
    launch.check_wheels(wheels)
    folder().parent.mkdir(parents=True, exist_ok=True)
    launch.check_computer(folder().parent, needed_bytes=needed_bytes(wheels), next_step=_TIGHT)
    lock = _take_lock()
    try:
        _create(progress, wheels)
    finally:
        lock.release()


def needed_bytes(wheels: Path | None = None) -> int:
    """Free disk space that making or completing it takes.

    Args:
        wheels: the folder of wheels to install from, if any.
    """
    if sys.platform != "linux" or _has_torch() or _is_for_processors(wheels):
        return NEEDED_BYTES
    return NEEDED_BYTES_FOR_GRAPHICS


def remove() -> None:
    """Delete it; nothing happens where it is not there.

    Raises:
        ToolError: it is being made right now, or its files are in use.
        OptionError: the folder holds something else.
    """
    if not folder().exists():
        return
    _check_folder(folder())
    lock = _take_lock()
    try:
        (folder() / _STAMP).unlink(missing_ok=True)  # half removed is not ready
        shutil.rmtree(folder())
    except OSError as exc:
        raise ToolError(
            say("The OpenMMLab environment could not be removed completely: a file is in use."),
            next_step=say("Wait until exports have finished, then try again."),
            detail=str(exc),
        ) from exc
    finally:
        lock.release()


def _create(progress: Progress, wheels: Path | None) -> None:
    version = launch.python_version(python())
    if version is None or version < (3, 10) or not launch.has_pip(python()):
        progress(0.0, say("Making a Python folder for OpenMMLab."))
        launch.make_empty(folder())
        version = launch.python_version(python()) or sys.version_info[:2]
    (folder() / _STAMP).unlink(missing_ok=True)
    source = ["--no-index", "--find-links", str(wheels.resolve())] if wheels else []
    progress(0.03, say("Fetching PyTorch and what OpenMMLab stands on. This takes a few minutes."))
    _install([*source, "-r", str(_REQUIREMENTS)], portion(progress, 0.03, 0.8))
    progress(0.8, say("Fetching the OpenMMLab packages."))
    _install([*source, "--no-deps", "-r", str(_WITHOUT_DEPENDENCIES)], portion(progress, 0.8, 0.92))
    progress(0.92, say("Trying the packages out."))
    _try_out()
    _write_stamp(version)
    progress(1.0, say("The OpenMMLab environment is ready."))


def _has_torch() -> bool:
    packages = site_packages()
    return packages is not None and (packages / "torch" / "version.py").is_file()


def _is_for_processors(wheels: Path | None) -> bool:
    """Whether pip will find the PyTorch for processors: among the wheels, or at the index that its settings name."""
    if wheels is not None:
        return any(wheels.glob("torch-*cpu*.whl"))
    command = [sys.executable, "-m", "pip", "config", "list"]
    asked = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return "/whl/cpu" in asked.stdout


def _install(arguments: Sequence[str], progress: Progress) -> None:
    installer.install(arguments, python=python(), progress=progress)


def _try_out() -> None:
    """Import everything once: what is broken must show now, not in the middle of an export."""
    command = [str(python()), "-m", "core.pytorch.worker.import_check"]
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(PROJECT_ROOT)}
    try:
        tried = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _does_not_start(str(exc)) from exc
    if tried.returncode != 0:
        raise _does_not_start(f"exit code {tried.returncode}\n{tried.stderr[-3000:]}")


def _does_not_start(detail: str) -> ToolError:
    return ToolError(
        say("The OpenMMLab packages are installed but do not start on this computer."),
        next_step=say("Remove the environment and make it anew. If that fails too, the technical detail tells why."),
        detail=detail,
    )


def _take_lock() -> FileLock:
    lock = FileLock(folder().with_name(f".{folder().name}.lock"))
    if not lock.acquire():
        raise ToolError(
            say("The OpenMMLab environment is being made or removed in another window."),
            next_step=say("Wait until that window has finished."),
        )
    return lock


def _check_folder(place: Path) -> None:
    """Making or removing it empties the folder, so it must be ours."""
    if place.exists() and not _is_ours(place) and (not place.is_dir() or any(place.iterdir())):
        raise OptionError(
            say('The folder "{folder}" holds something else than the OpenMMLab environment.', folder=place),
            next_step=say("Let EDGEPRESS_OPENMMLAB point to a folder that is empty or does not exist yet."),
        )


def _is_ours(place: Path) -> bool:
    return (place / "pyvenv.cfg").is_file()


def _stamp(version: tuple[int, int]) -> dict[str, object]:
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes() + _WITHOUT_DEPENDENCIES.read_bytes())
    return {"python": list(version), "requirements": digest.hexdigest()}


def _read_stamp() -> dict[str, object]:
    try:
        stamp = read_json(folder() / _STAMP)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(version: tuple[int, int]) -> None:
    write_json(folder() / _STAMP, _stamp(version))
