"""The parts that EdgePress stands on: which are there, which of them really work, and how to get the rest."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from core.common.paths import PROJECT_ROOT
from core.common.progress import Progress, portion, silent
from core.common.text import Text, say
from core.pnnx.program import find_pnnx
from core.setup import installer
from core.setup import openmmlab as pytorch
from core.setup.environment import check_wheels, python_complaint, python_warning

_PROBE_SECONDS = 120

ComponentStatus = Literal["ready", "missing", "broken"]


@dataclass(frozen=True)
class Component:
    """One part and its state on this computer."""

    key: str
    """Name of its package or program."""

    name: str
    """Name for people."""

    version: str | None
    """None while it is missing, and for programs that do not tell."""

    needed_for: Text
    status: ComponentStatus
    note: Text | None
    """What else to know: why it is broken, or that another version was tested."""

    optional: bool = False
    """Whether EdgePress is complete without it."""

    @property
    def lacking(self) -> bool:
        """Whether something of EdgePress does not work for want of it."""
        return self.status != "ready" and not self.optional


@dataclass(frozen=True)
class _Package:
    key: str
    name: str
    needed_for: Text
    module: str | None = None
    """Imported as a trial; given where compiled code is known to fail on bare systems."""


_PACKAGES: tuple[_Package, ...] = (
    _Package("streamlit", "Streamlit", say("the pages in the browser")),
    _Package("onnx", "ONNX", say("reading and writing ONNX models"), "onnx"),
    _Package("onnxruntime", "ONNX Runtime", say("running ONNX models and making them int8"), "onnxruntime"),
    _Package("onnxconverter-common", "onnxconverter-common", say("making ONNX models fp16")),
    _Package("onnx-ir", "ONNX IR", say("cleaning models before conversion")),
    _Package("onnxslim", "OnnxSlim", say("cleaning models before conversion")),
    _Package("ncnn", "ncnn", say("running ncnn models and making them int8"), "ncnn"),
    _Package("netron", "Netron", say("showing the graphs of models")),
    _Package("numpy", "NumPy", say("all calculations")),
    _Package("pandas", "pandas", say("tables")),
    _Package("pillow", "Pillow", say("reading pictures")),
    _Package("psutil", "psutil", say("measuring memory and stopping jobs cleanly")),
    _Package("rich", "Rich", say("progress bars and tables in the terminal")),
    _Package("cattrs", "cattrs", say("writing and reading job files and reports")),
)

_OPENMMLAB: Mapping[str, ComponentStatus] = {"ready": "ready", "absent": "missing", "unfinished": "broken"}

_OFFICIAL_TOOLS = ("ncnn2table", "ncnn2int8")


def check() -> tuple[Component, ...]:
    """Look at every part, and try those whose mere presence proves nothing.

    Returns:
        One component per part, in the order in which they are shown. Takes about a second.
    """
    tested = _tested_versions()
    with ThreadPoolExecutor(max_workers=4) as pool:
        converter = pool.submit(_pnnx, tested)
        packages = tuple(pool.map(lambda package: _package(package, tested), _PACKAGES))
        return (_python(), *packages, converter.result(), *map(_official_tool, _OFFICIAL_TOOLS))


def complete(progress: Progress = silent, *, wheels: Path | None = None) -> tuple[Component, ...]:
    """Install what is missing into the running Python, and put broken parts in anew.

    Args:
        progress: hears of every package.
        wheels: a folder of wheels to install from instead of the internet.

    Returns:
        The parts as they are afterwards.

    Raises:
        ToolError: pip did not succeed (no network, no permission, a Python that belongs to the system ...).
        OptionError: there is no such folder of wheels.
    """
    progress(0.0, say("Looking at what is there."))
    check_wheels(wheels)
    source = ["--no-index", "--find-links", str(wheels.resolve())] if wheels else []
    lacking = tuple(component for component in check() if component.lacking)
    packages = tuple(component for component in lacking if component.key not in ("python", "pnnx"))
    pins = (*source, "-c", str(PROJECT_ROOT / "requirements.txt"))
    absent = _keys(packages, "missing")
    if absent:
        installer.install([*pins, *absent], progress=portion(progress, 0.1, 0.7))
    broken = _keys(packages, "broken")
    if broken:
        installer.install(["--force-reinstall", "--no-deps", *pins, *broken], progress=portion(progress, 0.7, 0.8))
    if any(component.key == "pnnx" for component in lacking):
        converter = [*source, "--force-reinstall", "--no-deps", "-r", str(PROJECT_ROOT / "requirements-nodeps.txt")]
        installer.install(converter, progress=portion(progress, 0.8, 1.0))
    importlib.invalidate_caches()  # else the packages that arrived just now stay unseen
    progress(1.0, say("Done."))
    return check()


def openmmlab(*, is_wanted: bool = False) -> Component:
    """The environment for PyTorch models of OpenMMLab, which EdgePress is complete without.

    Args:
        is_wanted: whether it counts as needed all the same.
    """
    status = _OPENMMLAB[pytorch.status()]
    notes: Mapping[ComponentStatus, Text] = {
        "ready": say("{size} GB in {folder}", size=f"{pytorch.size() / 1e9:.1f}", folder=str(pytorch.folder())),
        "missing": say("Make it with: {command}", command=pytorch.COMMAND),
        "broken": say("It is not complete. Go on with: {command}", command=pytorch.COMMAND),
    }
    purpose = say("turning PyTorch models of OpenMMLab into ONNX")
    return Component("openmmlab", "OpenMMLab", None, purpose, status, notes[status], optional=not is_wanted)


def _keys(components: Iterable[Component], status: ComponentStatus) -> list[str]:
    return [component.key for component in components if component.status == status]


def _python() -> Component:
    complaint = python_complaint()
    status: ComponentStatus = "broken" if complaint else "ready"
    return Component(
        "python", "Python", platform.python_version(), say("everything"), status, complaint or python_warning()
    )


def _package(package: _Package, tested: dict[str, str]) -> Component:
    version = _version(package.key)
    if version is None:
        return Component(package.key, package.name, None, package.needed_for, "missing", None)
    complaint = _import_complaint(package.module) if package.module else None
    if complaint:
        return Component(package.key, package.name, version, package.needed_for, "broken", complaint)
    note = _other_version(version, tested.get(package.key))
    return Component(package.key, package.name, version, package.needed_for, "ready", note)


def _pnnx(tested: dict[str, str]) -> Component:
    version, purpose = _version("pnnx"), say("making the three ncnn targets")
    if sys.platform == "win32" and platform.machine().upper() == "ARM64":
        note = say("It does not exist for Windows on ARM; the three ncnn targets are not available here.")
        return Component("pnnx", "pnnx", version, purpose, "missing", note, optional=True)
    if version is None:
        return Component("pnnx", "pnnx", None, purpose, "missing", None)
    program = find_pnnx()
    complaint = _program_complaint(program) if program else say("Its program file is not there.")
    note = complaint or _other_version(version, tested.get("pnnx"))
    return Component("pnnx", "pnnx", version, purpose, "broken" if complaint else "ready", note)


def _official_tool(name: str) -> Component:
    path = shutil.which(name)
    note = say("found at {path}", path=path) if path else say("not found, and not needed")
    purpose = say("cross-checking ncnn int8 with ncnn's own tools")
    return Component(name, name, None, purpose, "ready" if path else "missing", note, optional=True)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _import_complaint(module: str) -> Text | None:
    """Import in a process of its own: a library made for another processor ends the process, not the import."""
    # From the project's folder: python -c also looks where it stands, and elsewhere a stranger's onnx.py may lie.
    command = [sys.executable, "-c", f"import {module}"]
    try:
        tried = _run(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _does_not_start(str(error))
    return None if tried.returncode == 0 else _explain(tried.returncode, tried.stderr)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        timeout=_PROBE_SECONDS,
        check=False,
    )


def _program_complaint(program: Path) -> Text | None:
    """Pnnx knows no --help, but answers it with its usage and exit code 255."""
    try:
        tried = _run([str(program), "--help"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return _does_not_start(str(error))
    return None if "Usage: pnnx" in tried.stdout + tried.stderr else _explain(tried.returncode, tried.stderr)


def _explain(code: int, complaint: str) -> Text:
    last = next((line.strip() for line in reversed(complaint.splitlines()) if line.strip()), "")
    if "DLL load failed" in complaint:
        return say("Windows lacks a system part: install the Microsoft Visual C++ Redistributable (x64).")
    if ".so" in last and "cannot open shared object file" in last:
        return say("A library of the operating system is missing: {reason}", reason=last)
    return _does_not_start(last or f"exit code {code}")


def _does_not_start(reason: str) -> Text:
    return say("It does not start: {reason}", reason=reason)


def _other_version(version: str, tested: str | None) -> Text | None:
    if tested is None or tested == version:
        return None
    return say("EdgePress was tested with version {tested}; this one may work too.", tested=tested)


def _tested_versions() -> dict[str, str]:
    """The pins of the requirement files that hold for this Python; none while ``packaging`` is missing."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return {}
    names = ("requirements.txt", "requirements-nodeps.txt")
    lines = [line for name in names for line in (PROJECT_ROOT / name).read_text(encoding="utf-8").splitlines()]
    wanted = [Requirement(line) for line in lines if "==" in line and not line.startswith("#")]
    return {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in wanted
        if requirement.marker is None or requirement.marker.evaluate()
    }
