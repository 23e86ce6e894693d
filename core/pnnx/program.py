"""Find the pnnx program with the standard library alone, since the toolchain check runs on a bare Python too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def find_pnnx() -> Path | None:
    """The pnnx program of this Python, or None. Its package is not imported, since that needs torch."""
    spec = importlib.util.find_spec("pnnx")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / ("pnnx.exe" if sys.platform == "win32" else "pnnx")
    return program if program.is_file() else None
