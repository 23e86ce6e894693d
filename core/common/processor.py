"""The name of this computer's processor, which stands beside every time that was measured on it."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_SECONDS = 5.0


@cache
def processor_name() -> str:
    """As its maker calls it, where the system tells; else the kind of processor, such as ``arm64``."""
    found = ""
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            found = _from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
        elif sys.platform == "darwin":
            found = _output("sysctl", "-n", "machdep.cpu.brand_string")
        elif sys.platform == "win32":
            found = _from_registry()
    return " ".join(found.split()) or platform.processor() or platform.machine()


def _from_cpuinfo(text: str) -> str:
    """ARM boards have the name of the board in the last line, and none of the processor."""
    lines = [line.partition(":") for line in text.splitlines()]
    values = {name.strip(): value.strip() for name, _, value in lines}
    return values.get("model name") or values.get("Model", "")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout


def _from_registry() -> str:
    import winreg  # type: ignore[import-not-found,unused-ignore]

    key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:  # type: ignore[attr-defined,unused-ignore]
        return str(winreg.QueryValueEx(opened, "ProcessorNameString")[0])  # type: ignore[attr-defined,unused-ignore]
