"""Where the pnnx program is, found with the standard library alone: the toolchain check runs on bare systems too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def find_pnnx() -> Path | None:
    """The pnnx program of this Python, or None; its package is not imported, since that would need torch."""
    spec = importlib.util.find_spec("pnnx")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / ("pnnx.exe" if sys.platform == "win32" else "pnnx")
    return program if program.is_file() else None
