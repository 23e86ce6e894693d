"""What a job ran on: versions and computer, by which figures can be measured again."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.common.memory import installed_memory
from core.common.version import VERSION

_PACKAGES = ("onnxruntime", "onnx", "ncnn", "pnnx", "numpy")

_PROCESSORS = Path("/proc/cpuinfo")
_NAMES_OF_PROCESSORS = ("model name", "Model", "Hardware")
"""Keys of /proc/cpuinfo, in the order in which they are looked for; on ARM there is often the board's name only."""

_SECONDS = 5.0
_WINDOWS_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


@dataclass(frozen=True)
class Environment:
    """Versions and computer."""

    edgepress: str
    python: str
    packages: Mapping[str, str]
    """Name -> version; those that are installed."""

    system: str
    """Operating system with its version."""

    machine: str
    """Kind of the processor, such as ``x86_64``."""

    processor: str
    """Its name; empty where the system does not tell."""

    threads: int
    """That the job might use."""

    memory_bytes: int


def this_environment(threads: int) -> Environment:
    """That of this process.

    Args:
        threads: that it may use.
    """
    return Environment(
        edgepress=VERSION,
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name)) is not None},
        system=_system(),
        machine=platform.machine(),
        processor=_processor(),
        threads=threads,
        memory_bytes=installed_memory(),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _system() -> str:
    """With the name of the distribution on Linux, whose kernel's version says little."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    kernel = f"{platform.system()} {platform.release()}"
    with suppress(OSError, AttributeError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    return kernel


def _processor() -> str:
    with suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "win32":
            return _from_registry()
        if sys.platform == "darwin":
            return _from_sysctl()
        return _from_proc(_PROCESSORS.read_text(encoding="utf-8", errors="replace"))
    return platform.processor()


def _from_proc(text: str) -> str:
    """The name in the text of /proc/cpuinfo."""
    lines = [line.partition(":") for line in text.splitlines()]
    found = {key.strip(): value.strip() for key, _, value in lines if value.strip()}
    return next((found[key] for key in _NAMES_OF_PROCESSORS if key in found), platform.processor())


def _from_sysctl() -> str:
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout.strip()


def _from_registry() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _WINDOWS_KEY) as key:
        return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
