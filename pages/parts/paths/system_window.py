"""The system's own dialog for choosing a file or a folder, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import streamlit as st

PathKind = Literal["model", "examples", "folder", "config", "checkpoint"]
"""What a path is asked for: a file of one of three kinds, a folder with examples, or any folder."""

SUFFIXES: Mapping[PathKind, tuple[str, ...]] = {
    "model": (".onnx",),
    "config": (".py", ".json", ".yml", ".yaml"),
    "checkpoint": (".pth", ".pt", ".pt2", ".ckpt"),
}
"""Endings of the files that can be chosen; the other kinds are folders."""

_TIMEOUT_SECONDS = 600.0

# tkinter insists on the main thread, which in the app's own process is the web server's.
_PROGRAM = """
import sys
from tkinter import Tk, filedialog
start, *suffixes = sys.argv[1:]
window = Tk()
window.withdraw()
window.attributes("-topmost", True)
if suffixes:
    wanted = [(" ".join(suffixes), ["*" + suffix for suffix in suffixes]), ("*", "*")]
    path = filedialog.askopenfilename(parent=window, initialdir=start, filetypes=wanted)
else:
    path = filedialog.askdirectory(parent=window, initialdir=start, mustexist=True)
sys.stdout.buffer.write(str(path or "").encode("utf-8"))
"""


def is_available() -> bool:
    """Whether the reader uses this computer itself, and it has a screen on which such a dialog can open."""
    return is_local() and has_screen() and find_spec("_tkinter") is not None


def is_local() -> bool:
    """Whether the page is shown on the computer that it comes from."""
    return st.context.ip_address is None


def has_screen() -> bool:
    """Whether this computer can open windows."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def ask(kind: PathKind, start: Path) -> Path | None:
    """Open the dialog and wait for the choice.

    Args:
        kind: what is to be chosen.
        start: the folder that it shows first.

    Returns:
        The choice, or None where there was none.
    """
    command = [sys.executable, "-c", _PROGRAM, str(start), *SUFFIXES.get(kind, ())]
    try:
        window = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUTF8": "1"},
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    chosen = window.stdout.decode("utf-8", errors="replace").strip()
    return Path(chosen) if window.returncode == 0 and chosen else None
