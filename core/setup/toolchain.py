"""The packages and programs that EdgePress needs: which are installed, which of them work, and how to get the rest."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from core.common.paths import PROJECT_ROOT
from core.common.progress import Progress, portion, silent
from core.common.text import Text, say
from core.pnnx.program import find_pnnx
from core.setup import arm, installer, web_runtime
from core.setup import openmmlab as openmmlab_environment
from core.setup.command import run_captured
from core.setup.computer import unsupported_python, untested_python

_START_SECONDS = 120.0

ComponentStatus = Literal["ready", "missing", "broken"]


@dataclass(frozen=True)
class Component:
    """One package or program and its state on this computer."""

    key: str
    """Name of the package or program, unique."""

    name: str
    """Name for people."""

    version: str | None
    """None while it is missing, and for programs that do not report theirs."""

    needed_for: Text
    status: ComponentStatus
    note: Text | None
    """Why it is broken, or that another version was tested."""

    optional: bool = False
    """Whether EdgePress is complete without it."""

    @property
    def lacking(self) -> bool:
        """Whether something of EdgePress does not work because of it."""
        return self.status != "ready" and not self.optional


@dataclass(frozen=True)
class _Package:
    key: str
    name: str
    needed_for: Text
    module: str | None = None
    """Imported as a check; given for compiled packages that are known to fail on bare systems."""


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
    _Package("pycocotools", "pycocotools", say("masks and labels of COCO")),
    _Package("rapidfuzz", "RapidFuzz", say("comparing texts")),
    _Package("pyyaml", "PyYAML", say("reading lists of classes")),
    _Package("defusedxml", "defusedxml", say("reading labels in XML safely")),
    _Package("jinja2", "Jinja", say("writing reports to hand on")),
)

_OPENMMLAB: Mapping[str, ComponentStatus] = {"ready": "ready", "absent": "missing", "unfinished": "broken"}

_ARM: Mapping[arm.ArmStatus, ComponentStatus] = {"ready": "ready", "absent": "missing", "outdated": "broken"}

_WEB: Mapping[web_runtime.WebRuntimeStatus, ComponentStatus] = {
    "ready": "ready",
    "absent": "missing",
    "outdated": "broken",
}

_OFFICIAL_TOOLS = ("ncnn2table", "ncnn2int8")


def check() -> tuple[Component, ...]:
    """Check every component, and run those of which being installed proves nothing.

    Returns:
        The components in the order in which they are shown. Takes about a second.
    """
    tested = _tested_versions()
    with ThreadPoolExecutor(max_workers=4) as pool:
        converter = pool.submit(_pnnx, tested)
        packages = tuple(pool.map(lambda package: _package(package, tested), _PACKAGES))
        return (_python(), *packages, converter.result(), *map(_official_tool, _OFFICIAL_TOOLS))


def complete(progress: Progress = silent, *, wheels: Path | None = None) -> tuple[Component, ...]:
    """Install what is missing into the running Python, and reinstall what is broken.

    Args:
        progress: called for every package.
        wheels: a folder of wheels to install from instead of the internet.

    Returns:
        The components as they are afterwards.

    Raises:
        ToolError: pip did not succeed (no network, no permission, a Python that belongs to the system ...).
        OptionError: there is no such folder of wheels.
    """
    progress(0.0, say("Checking what is installed."))
    installer.check_wheels(wheels)
    source = installer.wheel_options(wheels)
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
    importlib.invalidate_caches()  # else Python does not find the packages that were just installed
    progress(1.0, say("Done."))
    return check()


def openmmlab(*, is_wanted: bool = False) -> Component:
    """The environment for PyTorch models of OpenMMLab, which EdgePress is complete without.

    Args:
        is_wanted: whether it counts as needed all the same.
    """
    status = _OPENMMLAB[openmmlab_environment.status()]
    notes: Mapping[ComponentStatus, Text] = {
        "ready": say(
            "{size} GB in {folder}",
            size=f"{openmmlab_environment.size() / 1e9:.1f}",
            folder=str(openmmlab_environment.folder()),
        ),
        "missing": say("Make it with: {command}", command=openmmlab_environment.COMMAND),
        "broken": say("It is not complete. Go on with: {command}", command=openmmlab_environment.COMMAND),
    }
    purpose = say("turning PyTorch models of OpenMMLab into ONNX")
    return Component("openmmlab", "OpenMMLab", None, purpose, status, notes[status], optional=not is_wanted)


def emulated_arm(*, is_wanted: bool = False) -> Component | None:
    """The emulated ARM processor, which EdgePress is complete without; None where this computer cannot have it.

    Args:
        is_wanted: whether it counts as needed all the same; then why it cannot be had is its note.
    """
    reasons = arm.unavailable()
    if reasons is not None and not is_wanted:
        return None
    status: ComponentStatus = _ARM[arm.status()]
    notes: Mapping[ComponentStatus, Text] = {
        "ready": say("{size} MB in {folder}", size=round(arm.size() / 1e6), folder=str(arm.folder())),
        "missing": say("Make it with: {command}", command=arm.COMMAND) if reasons is None else reasons[0],
        "broken": say("It was made for another version of EdgePress. Renew it with: {command}", command=arm.COMMAND),
    }
    purpose = say("trying files on ARM without a board")
    return Component("arm", "ARM emulator", None, purpose, status, notes[status], optional=not is_wanted)


def web_pages(*, is_wanted: bool = False) -> Component:
    """The runtime of web pages in deployment kits, which EdgePress is complete without.

    Args:
        is_wanted: whether it counts as needed all the same.
    """
    status: ComponentStatus = _WEB[web_runtime.status()]
    notes: Mapping[ComponentStatus, Text] = {
        "ready": say("{size} MB in {folder}", size=web_runtime.SIZE_MB, folder=str(web_runtime.folder())),
        "missing": say("Make it with: {command}", command=web_runtime.COMMAND),
        "broken": say(
            "It was made for another version of EdgePress. Renew it with: {command}", command=web_runtime.COMMAND
        ),
    }
    version = web_runtime.VERSION if status == "ready" else None
    purpose = say("web pages in deployment kits")
    return Component(
        "onnxruntime-web", "onnxruntime-web", version, purpose, status, notes[status], optional=not is_wanted
    )


def _keys(components: Iterable[Component], status: ComponentStatus) -> list[str]:
    return [component.key for component in components if component.status == status]


def _python() -> Component:
    unsupported = unsupported_python()
    status: ComponentStatus = "broken" if unsupported else "ready"
    return Component(
        "python", "Python", platform.python_version(), say("everything"), status, unsupported or untested_python()
    )


def _package(package: _Package, tested: dict[str, str]) -> Component:
    version = _version(package.key)
    if version is None:
        return Component(package.key, package.name, None, package.needed_for, "missing", None)
    error = _import_error(package.module) if package.module else None
    if error:
        return Component(package.key, package.name, version, package.needed_for, "broken", error)
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
    error = _pnnx_error(program) if program else say("Its program file is not there.")
    note = error or _other_version(version, tested.get("pnnx"))
    return Component("pnnx", "pnnx", version, purpose, "broken" if error else "ready", note)


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


def _import_error(module: str) -> Text | None:
    """Import in a process of its own: a library made for another processor kills the process that loads it."""
    command = [sys.executable, "-c", f"import {module}"]
    try:
        ran = run_captured(command, timeout=_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _does_not_start(str(error))
    return None if ran.returncode == 0 else _start_error(ran.returncode, ran.stderr)


def _pnnx_error(program: Path) -> Text | None:
    """Pnnx has no --help, but prints its usage and exits with 255 when asked for it."""
    try:
        ran = run_captured([str(program), "--help"], timeout=_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _does_not_start(str(error))
    return None if "Usage: pnnx" in ran.stdout + ran.stderr else _start_error(ran.returncode, ran.stderr)


def _start_error(code: int, stderr: str) -> Text:
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "")
    if "DLL load failed" in stderr:
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
    """The pinned versions for this Python, of every package; empty while ``packaging`` is missing."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return {}
    names = ("requirements.txt", "requirements-nodeps.txt")
    lines = [line for name in names for line in (PROJECT_ROOT / name).read_text(encoding="utf-8").splitlines()]
    pins = [Requirement(line) for line in lines if "==" in line and not line.startswith("#")]
    return {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in pins
        if requirement.marker is None or requirement.marker.evaluate()
    }
