"""The app's side of an export: calls the worker in the OpenMMLab environment, and publishes its file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import ConsentNeeded
from core.common.progress import Progress, portion, silent
from core.common.publish import check_output_folder, publish
from core.common.serialization import from_data, to_data
from core.common.text import say
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.pytorch.request import Description, Exported, ExportRequest, OpenMMLabTask, check_file
from core.setup import openmmlab

_EXPORT_SECONDS = 1800.0
_DESCRIBE_SECONDS = 300.0


def export(
    request: ExportRequest, progress: Progress = silent, *, cancelled: Callable[[], bool] = never_cancelled
) -> Exported:
    """Export a checkpoint as an ONNX file whose outputs agree with PyTorch's; takes 10 to 30 seconds.

    Args:
        request: what to export.
        progress: called at every step.
        cancelled: polled ten times a second; once it returns true, the worker and its children are killed.

    Returns:
        What was written to ``request.target``; an earlier file of that name is replaced.

    Raises:
        OptionError: an option cannot be used, or the output folder cannot be written.
        ConsentNeeded: opening the checkpoint or running the config may run code; ask, then come back with
            ``trust_checkpoint`` or ``trust_config``.
        InputError: config, checkpoint and shape do not fit together.
        ToolError: the environment is not there, or lacks a package.
        VerificationError: the outputs of the file differ from PyTorch's; it was discarded.
        ConversionError: the export failed or crashed.
        Cancelled: ``cancelled`` returned true; nothing was written.
    """
    request.check()
    _check_config(request.config, is_trusted=request.trust_config or request.trust_checkpoint)
    openmmlab.require()
    target = request.target.absolute()
    check_output_folder(target.parent)
    with _own_folder() as folder:
        partial = folder / target.name
        arguments = {"request": to_data(replace(request.absolute(), output=partial))}
        result = _call_worker(
            "export", arguments, folder, portion(progress, 0.0, 0.98), timeout=_EXPORT_SECONDS, cancelled=cancelled
        )
        progress(0.98, say("Putting the files in their place"))
        publish([partial], target.parent, tag=folder.name)
    progress(1.0, say("Done"))
    return replace(from_data(Exported, result), path=target)


def describe(
    config: Path,
    task: OpenMMLabTask | None = None,
    progress: Progress = silent,
    *,
    trust_config: bool = False,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Description:
    """Describe the model of a config: its input shape, whether it can be exported; takes about 10 seconds.

    Args:
        config: its file.
        task: None: the config's own.
        progress: called at every step.
        trust_config: whether the person allows a config that came with no package to run code.
        cancelled: polled ten times a second; once it returns true, the worker and its children are killed.

    Raises:
        OptionError: there is no such file.
        ConsentNeeded: it is a program of the person's own, or of a stranger; ask, then come back.
        InputError: the config cannot be used.
        ToolError: the environment is not there.
        ConversionError: it crashed.
        Cancelled: ``cancelled`` returned true.
    """
    check_file(config)
    _check_config(config, is_trusted=trust_config)
    openmmlab.require()
    arguments = {"config": str(config.absolute()), "task": task}
    with _own_folder() as folder:
        result = _call_worker("describe", arguments, folder, progress, timeout=_DESCRIBE_SECONDS, cancelled=cancelled)
    return from_data(Description, result)


def needs_consent(config: Path) -> bool:
    """Whether a config is of the person's own: those of the packages were installed, and are run without a question."""
    packages = openmmlab.site_packages()
    return packages is None or not config.resolve().is_relative_to(packages.resolve())


def _check_config(config: Path | None, *, is_trusted: bool) -> None:
    if config is None or is_trusted or not needs_consent(config):
        return
    raise ConsentNeeded(
        say(
            '"{name}" is a config, and a config is a program: reading it can run anything that its maker put into it, '
            "with your rights. Nothing of it was run.",
            name=config.name,
        ),
        next_step=say("If you trust where it comes from, agree to it (--trust-config). Else do not use it."),
    )


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder for the worker alone, in which it works and writes; it is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


def _call_worker(
    name: str,
    arguments: Mapping[str, Any],
    folder: Path,
    progress: Progress,
    *,
    timeout: float,
    cancelled: Callable[[], bool],
) -> Any:
    progress(0.0, say("Starting PyTorch"))
    command = [str(openmmlab.python()), "-m", "core.pytorch.worker", str(folder)]
    return call_in_subprocess(name, arguments, timeout=timeout, command=command, progress=progress, cancelled=cancelled)
