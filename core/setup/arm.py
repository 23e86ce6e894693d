"""The emulated ARM computer: qemu, a Python for ARM and its packages; fetched on demand, removable.

Nothing of it is installed into the system: Debian's packages and the wheels are unpacked into a folder of the data
folder, and qemu's user mode runs the Python in there.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.common.errors import EdgePressError, ToolError
from core.common.json_files import remove as remove_quietly
from core.common.paths import PROJECT_ROOT, home
from core.common.progress import Progress, portion, silent
from core.common.text import Text, say
from core.setup import fetched_folder, installer
from core.setup.command import run_captured
from core.setup.computer import check_computer
from core.setup.virtual_environment import InstallationRecord

NEEDED_BYTES = 1_000_000_000
"""Free disk space for making it; afterwards it takes a quarter of that."""

COMMAND = "python tools/env_config.py --arm"
"""Makes it, from the command line."""

PROCESSORS = ("cortex-a76", "cortex-a72")
"""What can be emulated, in qemu's words: with arithmetic in 16 bit and 8-bit dot products, as of a Raspberry Pi 5 and
most phones since 2019; without either, as of a Raspberry Pi 4. The first one is the default."""

ArmStatus = Literal["absent", "outdated", "ready"]
"""``outdated``: it was made with other packages than those that this version of EdgePress names."""

_REQUIREMENTS = PROJECT_ROOT / "core" / "arm" / "requirements.txt"
_QEMU = ("qemu-aarch64-static", "qemu-aarch64")
_PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6", "libgomp1", "zlib1g")
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_TRY = "import sys; sys.path.insert(0, sys.argv[1]); import ncnn, numpy, onnxruntime"
_APT_SECONDS = 1800.0
_TRY_SECONDS = 300.0
_BUSY = say("The emulated ARM processor is being fetched or removed in another window.")


def folder() -> Path:
    """Where it is, whether it exists or not."""
    return home() / "arm"


def packages() -> Path:
    """Its Python packages."""
    return folder() / "packages"


def unavailable() -> tuple[Text, Text] | None:
    """Why it cannot be had on this computer, and what would help; None where it can."""
    if sys.platform != "linux":
        return (
            say("Files can be tried on an emulated ARM processor on Linux only."),
            say(
                "Use a computer with Debian 12 or newer, or on Windows its Linux (install WSL with Debian), and start "
                "EdgePress there."
            ),
        )
    if platform.machine().lower() in ("aarch64", "arm64"):
        return (
            say("This computer has an ARM processor itself, so nothing needs to be emulated."),
            say("Every figure on this page was measured on ARM."),
        )
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        return (
            say(
                "To fetch the emulated ARM processor, programs are needed that are not here: {names}.",
                names=", ".join(missing),
            ),
            say("Use Debian 12 or newer, which has them; elsewhere a container with Debian serves too."),
        )
    return None


def status() -> ArmStatus:
    """Whether it is ready, made for another version, or not there; takes some milliseconds."""
    version = _python_version(folder())
    if version is None or _qemu(folder()) is None:
        return "absent"
    return "ready" if _record(folder()).is_current(version) else "outdated"


def is_ready() -> bool:
    """Whether it is there, as this version needs it."""
    return status() == "ready"


def require() -> None:
    """Make sure that it is ready.

    Raises:
        ToolError: it is not; the next step says how to get it, or why it cannot be had here.
    """
    if is_ready():
        return
    reasons = unavailable()
    if reasons is not None:
        raise ToolError(reasons[0], next_step=reasons[1])
    raise ToolError(
        say("The emulated ARM processor is not there yet."),
        next_step=say(
            "Get it once with: {command} (about 250 MB, a minute or two), or with the button on the page.",
            command=COMMAND,
        ),
        detail=str(folder()),
    )


def size() -> int:
    """Bytes on the disk, 0 where it is not there."""
    return sum(path.lstat().st_size for path in folder().rglob("*") if not path.is_dir())


def command(processor: str, where: Path | None = None) -> tuple[str, ...]:
    """What runs a Python script on the emulated processor; the script and its arguments are appended.

    Args:
        processor: one of :data:`PROCESSORS`.
        where: the folder that holds it, if it is not :func:`folder`.

    Raises:
        ToolError: it is not there.
    """
    where = where or folder()
    qemu, python = _qemu(where), _python(where)
    if qemu is None or python is None:
        raise ToolError(
            say("The emulated ARM processor is not there yet."),
            next_step=say("Get it with: {command}", command=COMMAND),
        )
    return (str(qemu), "-cpu", processor, "-L", str(where / "root"), str(python), "-I", "-S", "-B")


def create(progress: Progress = silent, *, wheels: Path | None = None) -> None:
    """Make it; nothing happens where it is ready, and nothing is left where that fails or is interrupted.

    Args:
        progress: called for every step.
        wheels: a folder of wheels for ARM to install from instead of the internet; Debian's packages are fetched
            with apt-get, which has settings of its own.

    Raises:
        ToolError: it cannot be had on this computer, fetching it did not work, or it does not start.
        OptionError: there is no such folder of wheels.
    """
    if is_ready():
        return
    reasons = unavailable()
    if reasons is not None:
        raise ToolError(reasons[0], next_step=reasons[1])
    installer.check_wheels(wheels)
    home().mkdir(parents=True, exist_ok=True)
    advice = say("Free some space, then start again.")
    check_computer(home(), needed_bytes=NEEDED_BYTES, disk_advice=advice)
    with fetched_folder.locked(folder(), busy=_BUSY), fetched_folder.made_whole(folder()) as part:
        _create(part, progress, wheels)


def remove() -> None:
    """Delete it; nothing happens where it is not there.

    Raises:
        ToolError: it is being made right now, or its files are in use.
    """
    try:
        with fetched_folder.locked(folder(), busy=_BUSY):
            fetched_folder.remove(folder())
    except OSError as exc:
        raise ToolError(
            say("The emulated ARM processor could not be removed completely: a file is in use."),
            next_step=say("Wait until checks have finished, then try again."),
            detail=str(exc),
        ) from exc


def _create(part: Path, progress: Progress, wheels: Path | None) -> None:
    progress(0.0, say("Fetching a Python for ARM"))
    _unpack(_PACKAGES, "arm64", part / "root", part / "apt")
    version = _python_version(part)
    if version is None:
        raise _failed("no python3 in the packages for arm64")
    progress(0.25, say("Fetching the emulator"))
    if _qemu(part) is None:
        _fetch_qemu(part)
    progress(0.5, say("Fetching the packages that run models on ARM"))
    _install_wheels(part / "packages", version, wheels, portion(progress, 0.5, 0.9))
    progress(0.9, say("Trying it out"))
    _try_out(part)
    remove_quietly(part / "apt")
    _record(part).write(version)
    progress(1.0, say("The emulated ARM processor is ready."))


def _fetch_qemu(part: Path) -> None:
    """Unpack the emulator, of which the package holds one for each kind of processor; keep the one for ARM."""
    host = _run(["dpkg", "--print-architecture"]).strip()
    _unpack(("qemu-user-static",), host, part / "host", part / "apt-host")
    found = next((path for name in _QEMU if (path := part / "host" / "usr" / "bin" / name).exists()), None)
    if found is None:
        raise _failed("no qemu-aarch64-static in the package qemu-user-static")
    shutil.copy(found.resolve(), part / _QEMU[0])
    for name in ("host", "apt-host"):
        remove_quietly(part / name)


def _unpack(names: Sequence[str], architecture: str, into: Path, work: Path) -> None:
    """Fetch packages with all that they need, with apt's lists in a folder of our own, and unpack them.

    To apt this is an empty system of that architecture: so it needs no rights, and finds by itself what a newer
    release calls its libraries.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
        "Dir::Cache": str(work / "cache"),
        "Dir::State": str(work),
        "Dir::State::Lists": str(work / "lists"),
        "Dir::State::status": str(work / "status"),
    }
    apt = ["apt-get", *(f"-o{key}={value}" for key, value in options.items())]
    _run([*apt, "update"])
    _run([*apt, "--yes", "--download-only", "install", *names])
    into.mkdir()
    for archive in sorted((work / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(archive), str(into)])


def _install_wheels(into: Path, version: tuple[int, int], wheels: Path | None, progress: Progress) -> None:
    major, minor = version
    tags = ["--python-version", f"{major}.{minor}", "--implementation", "cp"]
    tags += [part for abi in (f"cp{major}{minor}", "abi3", "none") for part in ("--abi", abi)]
    tags += [part for name in _PLATFORMS for part in ("--platform", name)]
    arguments = [*installer.wheel_options(wheels), "--no-deps", "--no-compile", "--target", str(into), *tags]
    installer.install([*arguments, "-r", str(_REQUIREMENTS)], progress=progress)


def _try_out(part: Path) -> None:
    """Import everything once: what crashes under this emulator must show now, not in the middle of a check."""
    for processor in PROCESSORS:
        _run([*command(processor, part), "-c", _TRY, str(part / "packages")], seconds=_TRY_SECONDS)


def _run(arguments: Sequence[str], *, seconds: float = _APT_SECONDS) -> str:
    """Its output.

    Raises:
        ToolError: it failed; what it printed is the detail.
    """
    try:
        ran = run_captured(arguments, timeout=seconds, variables={"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"})
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _failed(repr(exc)) from exc
    if ran.returncode != 0:
        printed = f"{Path(arguments[0]).name}: exit code {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        raise _failed(printed[-3000:])
    return ran.stdout


def _failed(detail: str) -> EdgePressError:
    return ToolError(
        say("The emulated ARM processor could not be fetched, or does not start here."),
        next_step=say(
            "Check the internet connection, and that this system's package sources offer packages for arm64, as "
            "Debian's do; then try again. The technical details say at which step it ended."
        ),
        detail=detail,
    )


def _qemu(where: Path) -> Path | None:
    """The emulator: the one that was fetched, or that of the system."""
    if (where / _QEMU[0]).is_file():
        return where / _QEMU[0]
    found = next((path for name in _QEMU if (path := shutil.which(name))), None)
    return None if found is None else Path(found)


def _python(where: Path) -> Path | None:
    found = sorted((where / "root" / "usr" / "bin").glob("python3.*[0-9]"))
    return found[-1] if found else None


def _python_version(where: Path) -> tuple[int, int] | None:
    python = _python(where)
    if python is None:
        return None
    major, _, minor = python.name.removeprefix("python").partition(".")
    return int(major), int(minor)


def _record(where: Path) -> InstallationRecord:
    return InstallationRecord(where / "edgepress-arm.json", (_REQUIREMENTS,))
