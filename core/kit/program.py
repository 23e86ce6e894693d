"""The Python program of a kit: which of its modules a file needs, and which packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.paths import ASSETS, PROJECT_ROOT
from core.kit.needed_files import needed_files

TEMPLATES = ASSETS / "kit" / "python"

_REQUIREMENT = re.compile(r"[A-Za-z0-9_.-]+")


def modules_of(settings: Mapping[str, Any]) -> tuple[Path, ...]:
    """The modules that this file's program needs, and what they import.

    Args:
        settings: as :func:`core.kit.settings.settings_of` makes them.
    """
    model, task = settings["model"], settings["task"]
    wanted = ["run", f"model_{model['runtime']}", f"task_{task['module']}"]
    wanted += ["drawing"] if settings["picture"]["takes_pictures"] else []
    wanted += [f"head_{task['head']['module']}"] if "head" in task else []
    wanted += ["masks"] if task.get("has_masks") else []
    wanted += ["model_onnx"] if model["post_processing"] else []
    found = needed_files(TEMPLATES, map(_file, wanted), lambda _, path: map(_file, _imports(path)))
    return tuple(TEMPLATES / name for name in found)


def _file(module: str) -> str:
    return f"{module}.py"


def _imports(path: Path) -> list[str]:
    """Modules that it imports whatever it does, not only in some function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = [node for outer in tree.body for node in (outer.body if isinstance(outer, ast.Try) else [outer])]
    names = [node.module for node in body if isinstance(node, ast.ImportFrom) and node.module]
    return names + [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]


def runtimes_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What a file runs with, as the packages are named; its post-processing may need another one."""
    model = settings["model"]
    names = ["onnxruntime" if model["runtime"] == "onnx" else "ncnn"]
    names += ["onnxruntime"] if model["post_processing"] else []
    return tuple(names)


def requirements_of(settings: Mapping[str, Any]) -> str:
    """The text of requirements.txt: the versions with which the examples were made."""
    wanted = {"numpy", "pillow", *runtimes_of(settings)}
    lines = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if (found := _REQUIREMENT.match(line)) and found[0] in wanted)


def ncnn_release() -> str:
    """The release of ncnn with which the files were made and tried, as its source and packages are named: its date."""
    text = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = re.search(r"^ncnn==[\d.]*?(\d{8})$", text, re.MULTILINE)
    assert found is not None
    return found[1]
