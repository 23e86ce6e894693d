"""The name of this computer's processor, which stands beside every time that was measured on it."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_SECONDS = 5.0
_CPUINFO = Path("/proc/cpuinfo")
_NAMES = ("model name", "Model", "Hardware")
"""Its keys, in the order in which they are looked for; on ARM there is often the board's name only."""


@cache
def processor_name() -> str:
    """As its maker calls it, where the system tells; else what Python knows of it, which may be nothing."""
    found = ""
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            found = _from_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace"))
        elif sys.platform == "darwin":
            found = _output("sysctl", "-n", "machdep.cpu.brand_string")
        elif sys.platform == "win32":
            found = _from_registry()
    return " ".join(found.split()) or platform.processor()


def _from_cpuinfo(text: str) -> str:
    """The name in the text of /proc/cpuinfo; empty where it has none."""
    lines = [line.partition(":") for line in text.splitlines()]
    found = {name.strip(): value.strip() for name, _, value in lines if value.strip()}
    return next((found[name] for name in _NAMES if name in found), "")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout


def _from_registry() -> str:
    import winreg  # type: ignore[import-not-found,unused-ignore]

    key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:  # type: ignore[attr-defined,unused-ignore]
        return str(winreg.QueryValueEx(opened, "ProcessorNameString")[0])  # type: ignore[attr-defined,unused-ignore]
