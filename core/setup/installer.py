"""Run pip, report its progress, and explain in a readable error what went wrong."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from core.common.errors import OptionError, ToolError
from core.common.progress import Progress, silent
from core.common.text import Text, say

TRY_AGAIN = say("Please try once more. If it fails again, the technical detail tells a specialist why.")
"""The next step where the cause is unknown."""

_DETAIL_LINES = 15
_FETCHED = re.compile(
    r"^\s*(?:Downloading|Using cached|Processing)\s+(?P<file>.+?\.whl)"
    r"(?:\s+\((?P<size>[\d.]+ [kMG]?B)\))?(?:\s+\(from .*\))?\s*$"
)


def install(arguments: Sequence[str], *, python: Path | str = sys.executable, progress: Progress = silent) -> None:
    """Install packages for one Python; pip's own settings (``PIP_*``, pip.conf) are respected.

    Args:
        arguments: what follows ``pip install``, for example ``["-r", "requirements.txt"]``.
        python: the interpreter that gets the packages.
        progress: called for every package fetched.

    Raises:
        ToolError: pip failed; its last lines are the detail.
    """
    # Wheels only: compiling on the person's computer would fail in ways that cannot be explained.
    command = [str(python), "-m", "pip", "install", "--no-input", "--only-binary=:all:", "--progress-bar=off"]
    command += ["--disable-pip-version-check", *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        encoding="utf-8",
        errors="replace",
    )
    try:
        output = _report(process.stdout or (), progress)
        failed = process.wait() != 0
    finally:
        process.kill()  # a Ctrl-C here must not leave a pip that goes on installing
        process.wait()
    if failed:
        raise failure(output)


def check_wheels(wheels: Path | None) -> None:
    """Refuse a folder of wheels that does not exist.

    Raises:
        OptionError: it is given, but is not there.
    """
    if wheels and not wheels.is_dir():
        raise OptionError(
            say("There is no folder {folder} to install from.", folder=str(wheels)),
            next_step=say("Check the path after --wheels, then start again."),
        )


def wheel_options(wheels: Path | None) -> list[str]:
    """The options that make pip install from a folder of wheels; none where it is to use the internet."""
    return ["--no-index", "--find-links", str(wheels.resolve())] if wheels else []


def failure(output: str) -> ToolError:
    """Turn what pip (or venv) printed before it failed into a readable error.

    Args:
        output: everything that it printed.

    Returns:
        The error to raise: of the cause where that is known, else a general one; the last lines are its detail.
    """
    detail = "\n".join(output.strip().splitlines()[-_DETAIL_LINES:])
    for cause in _CAUSES:
        found = re.search(cause.pattern, output, re.IGNORECASE)
        if found:
            return ToolError(_with_values(cause.reason, found), next_step=cause.next_step, detail=detail)
    return ToolError(
        say("Installing the parts that EdgePress needs did not work."),
        next_step=TRY_AGAIN,
        detail=detail,
    )


@dataclass(frozen=True)
class _Cause:
    pattern: str
    reason: Text
    next_step: Text


# The order matters: a lost network also ends in "no matching distribution", so it is looked for first.
_CAUSES: tuple[_Cause, ...] = (
    _Cause(
        r"externally-managed-environment",
        say("This Python belongs to the operating system, which does not let EdgePress add parts to it."),
        say('Start EdgePress with "python start.py": it makes a Python folder of its own and leaves the system alone.'),
    ),
    _Cause(
        r"No space left on device|Errno 28\b|WinError 112|not enough space on the disk",
        say("The disk is full."),
        say("Free some space (about 1.5 GB are needed), then start again."),
    ),
    _Cause(
        r"WinError 206|Windows Long Path support",
        say("The path of this folder is too long for Windows."),
        say("Move the EdgePress folder to a short path, for example C:\\EdgePress, then start again."),
    ),
    _Cause(
        r"WinError 32\b|being used by another process",
        say("A file that must be replaced is in use by another program."),
        say("Close every EdgePress window, then start again."),
    ),
    _Cause(
        r"Permission ?denied|Errno 13\b|WinError 5\b|Access is denied|Read-only file system",
        say("Writing into the folder where the parts go is not allowed."),
        say("Move the EdgePress folder to a place that is yours, for example your home folder, then start again."),
    ),
    _Cause(
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError",
        say("The download server could not be trusted: its certificate was not accepted."),
        say("Check this computer's date and time. In a company network, ask for the pip certificate setting."),
    ),
    _Cause(
        r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Max retries exceeded|NameResolutionError"
        r"|Temporary failure in name resolution|getaddrinfo failed|Network is unreachable|Connection (?:refused|reset)"
        r"|ConnectionResetError|Read timed out|Connection broken",
        say("The parts could not be downloaded: there is no connection to the download server."),
        say("Check the internet connection, then start again. Without internet, see: python start.py --help"),
    ),
    _Cause(
        r"No module named '?(?:pip|ensurepip)",
        say("This Python comes without pip, its installer."),
        say("Install Python from python.org, or add pip with your system's package manager, then start again."),
    ),
    _Cause(
        r"(?:No matching distribution found for|Could not find a version that satisfies the requirement) "
        r"(?P<package>[\w.\-=]+)",
        say("There is no ready-made {package} for this computer ({computer})."),
        say("Use a 64-bit Python 3.10 to 3.13. If you install from a folder of wheels, check that it is complete."),
    ),
)


def _with_values(reason: Text, found: re.Match[str]) -> Text:
    if "package" not in found.groupdict():
        return reason
    computer = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return say(reason.template, package=found["package"], computer=computer)


def _report(lines: Iterable[str], progress: Progress) -> str:
    """Report pip's lines as progress and return them all.

    Pip does not say how many packages are to come, so the fraction approaches 0.9 and never reaches it.
    """
    output: list[str] = []
    fetched = 0
    for line in lines:
        output.append(line)
        match = _FETCHED.match(line)
        if match:
            fetched += 1
            progress(0.9 * fetched / (fetched + 10), _package(match))
        elif line.startswith("Installing collected packages"):
            progress(0.9, say("Putting everything in its place; this can take a minute."))
    return "".join(output)


def _package(match: re.Match[str]) -> Text:
    name, version, *_ = [*PurePath(match["file"]).name.split("-"), ""]
    if match["size"]:
        return say("{package} {version} ({size})", package=name, version=version, size=match["size"])
    return say("{package} {version}", package=name, version=version)
