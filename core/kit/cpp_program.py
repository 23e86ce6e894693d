"""The C++ program of a kit: whether there is one, which of its files a model needs, and what they include."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.paths import ASSETS
from core.kit.needed_files import needed_files

TEMPLATES = ASSETS / "kit" / "cpp"

THIS_MODEL = "this_model.h"
"""The one file that is written for each kit: it includes what the model needs."""

_ALWAYS = ("CMakeLists.txt", ".clang-format", "main.cpp", "third_party/stb.cpp", "third_party/LICENSES.txt")
_INCLUDE = re.compile(r'^#include "([\w./]+)"', re.MULTILINE)


def has_program(settings: Mapping[str, Any]) -> bool:
    """Whether the C++ program can use a file: it reads pictures, not arrays, and knows the task and its head.

    Args:
        settings: as :func:`core.kit.settings.settings_of` makes them.
    """
    return bool(settings["picture"]["takes_pictures"]) and all(
        (TEMPLATES / name).is_file() for name in _parts(settings)
    )


def files_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that this model's program is copied from, and what they include, relative to :data:`TEMPLATES`."""
    return needed_files(TEMPLATES, (*_ALWAYS, *_parts(settings)), _included)


def _included(name: str, path: Path) -> list[str]:
    if path.suffix not in (".h", ".cpp"):
        return []
    return [(Path(name).parent / other).as_posix() for other in _INCLUDE.findall(path.read_text(encoding="utf-8"))]


def write_program(folder: Path, settings: Mapping[str, Any]) -> None:
    """Copy the program into a folder that is made, and write what it includes."""
    for name in files_of(settings):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TEMPLATES / name, folder / name)
    (folder / THIS_MODEL).write_bytes(_this_model(settings).encode())


def _parts(settings: Mapping[str, Any]) -> list[str]:
    """Headers of this model, in the order in which they are included."""
    model, task = settings["model"], settings["task"]
    parts = ["onnxruntime_session.h"] if model["post_processing"] else []
    parts += ["model_ncnn.h" if model["runtime"] == "ncnn" else "model_onnxruntime.h"]
    parts += [f"head_{task['head']['module']}.h"] if "head" in task else []
    return [*parts, f"task_{task['module']}.h"]


def _this_model(settings: Mapping[str, Any]) -> str:
    lines = ["// What the program of this kit is made of.", "#pragma once", ""]
    if settings["model"]["post_processing"]:
        lines += ["#define KIT_HAS_POST_PROCESSING", ""]
    return "\n".join([*lines, *(f'#include "{part}"' for part in _parts(settings)), ""])
