"""What kits and the files in them are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.common.text import visible
from core.targets import TARGETS, target_by_id
from core.targets.base import Target

SETTINGS, LABELS, EXPECTED = "preprocessing.json", "labels.txt", "expected.json"
POST_PROCESSING = "post_processing.onnx"
EXAMPLES, PYTHON, CPP, ANDROID, WEB = "examples", "python", "cpp", "android", "web"

_IMPOSSIBLE = re.compile(r'[<>:"/\\|?*]')
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in range(10))}
"""Names that Windows keeps for devices."""


def kit_name(target: str, files: Sequence[Path]) -> str:
    """Name of the folder of a file's kit: the file's own without its ending, and ``_kit``.

    An ONNX and an ncnn file of one job may differ in their ending only; then ncnn's has that word in its name too.

    Args:
        target: of the file.
        files: it, or a .param and a .bin file.
    """
    made = target_by_id(target)
    stems = Counter(map(_stem, TARGETS))
    word = "_ncnn" if made.format.name == "ncnn" and stems[_stem(made)] > 1 else ""
    return f"{Path(portable_name(files[0])).stem}{word}_kit"


def _stem(target: Target) -> str:
    return Path(target.file_names("x")[0]).stem


def portable_name(file: Path) -> str:
    """A file's own name, where every system can have it, and else with ``_`` for what one of them cannot.

    A name with backslashes, which Linux allows, would lead out of the folder where a zip is unpacked on Windows.
    """
    name = visible(file.name).encode("utf-8", errors="backslashreplace").decode("utf-8")
    stem, suffix = Path(_IMPOSSIBLE.sub("_", name)).stem, file.suffix
    stem = stem.strip(" .") or "_"  # one that begins with a dot is hidden
    return f"_{stem}{suffix}" if stem.split(".")[0].strip().upper() in _RESERVED else f"{stem}{suffix}"


def one_line(name: str) -> str:
    """A class name as it stands in labels.txt, which has one line for each; what cannot be encoded is escaped."""
    flat = name.replace("\r", " ").replace("\n", " ")
    return flat.encode("utf-8", errors="backslashreplace").decode("utf-8")
