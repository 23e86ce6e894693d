"""What a job ran on: versions and computer, by which figures can be measured again."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from core.common.memory import installed_memory
from core.common.processor import processor_name
from core.common.version import VERSION

_PACKAGES = ("onnxruntime", "onnx", "ncnn", "pnnx", "numpy")


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
        processor=processor_name(),
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
