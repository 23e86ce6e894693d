"""The model zoo: the configs that the OpenMMLab wheels contain, parsed without importing or running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.pytorch.request import OpenMMLabTask
from core.setup import openmmlab

_PACKAGES: tuple[tuple[OpenMMLabTask, str], ...] = (("mmcls", "mmpretrain"), ("mmdet", "mmdet"), ("mmpose", "mmpose"))
_MAX_DEPTH = 20
"""Length of a chain of ``_base_`` configs; a longer one is a cycle."""

_SKIPPED_FOLDERS = frozenset({"_base_", "common", "dataset_prepare", "metas"})

_EXPORTABLE = frozenset(
    {"ImageClassifier", "TopdownPoseEstimator", "BottomupPoseEstimator", "SingleStageDetector"}
    | {"RTMDet", "YOLOX", "YOLOV3", "YOLOF", "RetinaNet", "FCOS", "ATSS", "GFL", "PAA", "FSAF", "FOVEA", "NASFCOS"}
    | {"AutoAssign", "TOOD", "VFNet", "DDOD", "CenterNet", "SOLO", "SOLOv2", "CondInst", "BoxInst", "YOLACT"}
)
"""Models that are one graph with one image as input; the others need several stages, texts, queries or two models."""


@dataclass(frozen=True)
class ZooEntry:
    """One config of the zoo."""

    task: OpenMMLabTask
    name: str
    """The file's name without ``.py``, such as ``rtmdet_tiny_8xb32-300e_coco``."""

    family: str
    """The folders that it is in, such as ``body_2d_keypoint/rtmpose/coco``."""

    path: Path
    model: str
    """The class of the model, such as ``RTMDet``."""

    def matches(self, terms: Sequence[str]) -> bool:
        """Whether every search term is in its task, name, family or model; case is ignored."""
        text = f"{self.task} {self.name} {self.family} {self.model}".lower()
        return all(term.lower() in text for term in terms)


def entries(task: OpenMMLabTask | None = None, search: str = "") -> tuple[ZooEntry, ...]:
    """The configs whose models can be exported, as far as that is known without building them.

    The first call parses some two thousand small files (about two seconds); the result is cached.

    Args:
        task: only those of one task.
        search: search terms with spaces between them, all of which must occur.

    Returns:
        Sorted by task, family and name; empty where the environment is not there.
    """
    packages = openmmlab.site_packages()
    if packages is None:
        return ()
    terms = search.split()
    return tuple(entry for entry in _read(packages) if (task is None or entry.task == task) and entry.matches(terms))


@lru_cache(maxsize=2)
def _read(packages: Path) -> tuple[ZooEntry, ...]:
    found: list[ZooEntry] = []
    for task, package in _PACKAGES:
        root = packages / package / ".mim" / "configs"
        found += sorted(_walk(task, root), key=lambda entry: (entry.family, entry.name))
    return tuple(found)


def _walk(task: OpenMMLabTask, root: Path) -> Iterator[ZooEntry]:
    for path in root.rglob("*.py"):
        folders = path.relative_to(root).parent.parts
        if _SKIPPED_FOLDERS.isdisjoint(folders):
            model = _model(path)
            if model in _EXPORTABLE and (model == "ImageClassifier") == (task == "mmcls"):
                yield ZooEntry(task, path.stem, "/".join(folders), path, model)


def _model(path: Path, depth: int = 0) -> str | None:
    """The class of a config's model, its own or inherited; None for models with several stages, or none at all."""
    statements = _statements(path)
    if statements is None or depth > _MAX_DEPTH:
        return None
    bases, keys = statements
    if "roi_head" in keys:
        return None
    if "type" in keys:
        return str(keys["type"])
    models = [_model(base, depth + 1) for base in bases]
    return next((model for model in models if model is not None), None)


@lru_cache(maxsize=8192)
def _statements(path: Path) -> tuple[tuple[Path, ...], dict[str, Any]] | None:
    """The base files of a config, and the keys of its ``model``; parsed, not run."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    bases: tuple[Path, ...] = ()
    keys: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id == "_base_":
                bases = tuple(_resolved(path, text) for text in _strings(statement.value))
            elif statement.targets[0].id == "model" and isinstance(statement.value, ast.Call):
                keys = {keyword.arg: _literal(keyword.value) for keyword in statement.value.keywords if keyword.arg}
    return bases, keys


def _strings(value: ast.expr) -> list[str]:
    literal = _literal(value)
    return [literal] if isinstance(literal, str) else [text for text in literal or () if isinstance(text, str)]


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        return None


def _resolved(path: Path, base: str) -> Path:
    """A base is named relative to the config's folder, or as ``package::path`` from the configs of another package."""
    package, colons, inside = base.partition("::")
    if not colons:
        return Path(path.parent, base)
    packages = next((parent.parent.parent for parent in path.parents if parent.name == ".mim"), path.parent)
    return packages / package / ".mim" / "configs" / inside
