"""The web page of a kit: which of its files a model needs, and whether there is one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.common.paths import ASSETS
from core.kit.names import WEB
from core.kit.needed_files import needed_files
from core.setup import web_runtime

TEMPLATES = ASSETS / "kit" / "web"
RUNTIME = "runtime"
"""Folder of the page that holds onnxruntime-web."""

_PLAIN = ("index.html", "style.css", "icon.svg", "serve.py", f"{RUNTIME}/LICENSE.txt")
_IMPORT = re.compile(r'^import [^;]*? from "\./(\w+)\.js";', re.MULTILINE)


def page_files(settings: Mapping[str, Any]) -> tuple[Path, ...]:
    """The page's files, relative to :data:`TEMPLATES`; none for a model that it cannot show.

    A page shows pictures, runs ONNX files, and knows some tasks and families of detectors.

    Args:
        settings: as :func:`core.kit.settings.settings_of` makes them.
    """
    task = settings["task"]
    if settings["model"]["runtime"] != "onnx" or not settings["picture"]["takes_pictures"]:
        return ()
    own = [f"task_{task['module']}", *([f"head_{task['head']['module']}"] if "head" in task else [])]
    if not all((TEMPLATES / _file(name)).is_file() for name in own):
        return ()
    modules = ("main", *own, *(["masks"] if task.get("has_masks") else []))
    return tuple(map(Path, (*_PLAIN, *needed_files(TEMPLATES, map(_file, modules), _imported))))


def _file(module: str) -> str:
    return f"{module}.js"


def _imported(_: str, path: Path) -> Iterator[str]:
    return map(_file, _IMPORT.findall(path.read_text(encoding="utf-8")))


def write_page(kit: Path, files: Sequence[Path], *, has_runtime: bool) -> None:
    """Copy the page into a kit, with onnxruntime-web where that is wanted.

    Raises:
        ToolError: the runtime is not there.
        OSError: the disk is full.
    """
    page = kit / WEB
    (page / RUNTIME).mkdir(parents=True)
    for file in files:
        shutil.copyfile(TEMPLATES / file, page / file)
    if has_runtime:
        web_runtime.copy_to(page / RUNTIME)


def lacks_runtime(kit: Path) -> bool:
    """Whether a kit has a page, but not what it runs the model with."""
    return (kit / WEB).is_dir() and not all((kit / WEB / RUNTIME / name).is_file() for name in web_runtime.FILES)
