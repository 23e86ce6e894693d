"""Load an OpenMMLab config, with a readable error where that fails."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.common.errors import CheckpointError
from core.common.text import Text, say
from core.pytorch.request import TASKS, OpenMMLabTask

SCOPES: dict[OpenMMLabTask, str] = {"mmcls": "mmpretrain", "mmdet": "mmdet", "mmpose": "mmpose"}
"""The package, which is also the registry scope, of each task."""

_OLD_NAMES = ("mmcls", "mmpretrain")
_SUFFIXES = (".py", ".json", ".yml", ".yaml")


def load(path: Path) -> Any:
    """Load a config with its ``_base_`` files.

    Args:
        path: a config; a Python one is run, which is how OpenMMLab configs work.

    Returns:
        The ``mmengine.Config``, with old names of packages replaced; it has a ``model``.

    Raises:
        CheckpointError: it is no config, damaged, or builds on something that is not there.
    """
    from mmengine.config import Config

    if path.suffix.lower() not in _SUFFIXES:
        raise _unreadable(path, say("Its name must end in .py, as the configs of OpenMMLab do."))
    sys.path.append(str(path.parent))  # where a config's own code is
    try:
        config = Config.fromfile(path, import_custom_modules=False)
        _rename(config._cfg_dict)
        _import_custom_modules(config)
    # A config is a program: it can fail, and end, in any way that a program can.
    except (Exception, SystemExit, KeyboardInterrupt) as exc:
        raise _readable_error(path, exc) from exc
    if not isinstance(config.get("model"), dict):
        raise CheckpointError(
            say('The config "{name}" describes no model.', name=path.name),
            next_step=say("Pick the config that the model was trained with; those in _base_ folders are parts of one."),
        )
    return config


def task_of(config: Any, asked: OpenMMLabTask | None, path: Path) -> OpenMMLabTask:
    """The task of a config.

    Args:
        config: what :func:`load` returned.
        asked: the task that the person chose.
        path: its file, for the messages.

    Raises:
        CheckpointError: it belongs to another task or to a package that is not covered, or does not name one.
    """
    scope = str(config.get("default_scope") or "")
    known = {package: task for task, package in SCOPES.items()}
    if scope in known:
        if asked not in (None, known[scope]):
            raise CheckpointError(
                say('The config "{name}" is one of {own}, not of {asked}.', name=path.name, own=scope, asked=asked),
                next_step=say("Give the task {task}, or another config.", task=known[scope]),
            )
        return known[scope]
    if scope:
        raise CheckpointError(
            say('The config "{name}" is one of {own}, which is not covered.', name=path.name, own=scope),
            next_step=say("Choose one of: {choices}.", choices=", ".join(TASKS)),
        )
    if asked is None:
        raise CheckpointError(
            say('The config "{name}" does not say which OpenMMLab package it is for.', name=path.name),
            next_step=say("Name the task: mmcls, mmdet or mmpose."),
        )
    return asked


def walk(config: Any, visit: Callable[[dict[str, Any]], None]) -> None:
    """Call ``visit`` with every dictionary inside a config, the outer ones first."""
    if isinstance(config, dict):
        visit(config)
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for entry in config:
            walk(entry, visit)


def type_name(part: Any) -> str:
    """The name of a part's class, without its package; newer configs hold the class itself."""
    kind = part.get("type") if isinstance(part, dict) else part
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2]


def _rename(config: Any) -> None:
    """Replace mmcls, the old name of mmpretrain, in the types and imports of older configs."""
    old, new = _OLD_NAMES

    def renamed(value: Any) -> Any:
        if isinstance(value, str) and (value == old or value.startswith(f"{old}.")):
            return new + value[len(old) :]
        return [renamed(entry) for entry in value] if isinstance(value, list) else value

    def visit(part: dict[str, Any]) -> None:
        for key in ("type", "_scope_", "default_scope", "imports"):
            if key in part:
                part[key] = renamed(part[key])

    walk(config, visit)


def _import_custom_modules(config: Any) -> None:
    from mmengine.utils import import_modules_from_strings

    custom = config.get("custom_imports")
    if custom:
        import_modules_from_strings(custom["imports"], allow_failed_imports=False)


def _readable_error(path: Path, exc: BaseException) -> CheckpointError:
    detail = f"{type(exc).__name__}: {exc}"
    if isinstance(exc, (SyntaxError, UnicodeDecodeError)) or "null bytes" in str(exc):
        line = getattr(exc, "lineno", None)
        where = say("It is not valid Python (line {line}).", line=line) if line else say("It is not valid Python.")
        return _unreadable(path, where, detail)
    if isinstance(exc, FileNotFoundError):
        missing = say("It builds on another file that is missing: {file}", file=exc.filename or str(exc))
        return _unreadable(path, missing, detail)
    if isinstance(exc, ImportError):
        return _unreadable(path, say("It needs Python code that is not here: {what}", what=exc), detail)
    return _unreadable(path, say("Running it failed."), detail)


def _unreadable(path: Path, why: Text, detail: str = "") -> CheckpointError:
    return CheckpointError(
        say('The config "{name}" cannot be read. {why}', name=path.name, why=why),
        next_step=say("Pick the config that the model was trained with, in its original folder."),
        detail=detail,
    )
