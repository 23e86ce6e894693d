"""Where EdgePress itself and its data are on this computer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""This copy of EdgePress."""

ASSETS = PROJECT_ROOT / "assets"
"""Icon, languages and the bundled sample."""


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder (jobs, uploads, settings): ``EDGEPRESS_HOME``, or ``.edgepress`` in the person's home folder."""
    chosen = environ.get("EDGEPRESS_HOME")
    return Path(chosen).expanduser().absolute() if chosen else Path.home() / ".edgepress"


def real_path(path: Path) -> Path:
    """A path with its links followed; at links in a circle it stops, where ``Path.resolve`` raises RuntimeError."""
    return Path(os.path.realpath(path))
