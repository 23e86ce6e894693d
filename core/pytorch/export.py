"""The app's side of an export: calls the worker in the OpenMMLab environment, and publishes its file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
        ConsentNeeded: opening the checkpoint may run code; ask, then come back with ``trust_checkpoint``.
        InputError: config, checkpoint and shape do not fit together.
        ToolError: the environment is not there, or lacks a package.
        VerificationError: the outputs of the file differ from PyTorch's; it was discarded.
        ConversionError: the export failed or crashed.
        Cancelled: ``cancelled`` returned true; nothing was written.
    """
    request.check()
    openmmlab.require()
    target = request.target.absolute()
    check_output_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        partial = Path(temporary) / target.name
        arguments = {"request": to_data(replace(request.absolute(), output=partial))}
        result = _call_worker(
            "export", arguments, portion(progress, 0.0, 0.98), timeout=_EXPORT_SECONDS, cancelled=cancelled
        )
        progress(0.98, say("Putting the files in their place"))
        publish([partial], target.parent, tag=Path(temporary).name)
    progress(1.0, say("Done"))
    return replace(from_data(Exported, result), path=target)


def describe(
    config: Path,
    task: OpenMMLabTask | None = None,
    progress: Progress = silent,
    *,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Description:
    """Describe the model of a config: its input shape, whether it can be exported; takes about 10 seconds.

    Raises:
        OptionError: there is no such file.
        InputError: the config cannot be used.
        ToolError: the environment is not there.
        ConversionError: it crashed.
        Cancelled: ``cancelled`` returned true.
    """
    check_file(config)
    openmmlab.require()
    arguments = {"config": str(config.absolute()), "task": task}
    result = _call_worker("describe", arguments, progress, timeout=_DESCRIBE_SECONDS, cancelled=cancelled)
    return from_data(Description, result)


def _call_worker(
    name: str, arguments: Mapping[str, Any], progress: Progress, *, timeout: float, cancelled: Callable[[], bool]
) -> Any:
    progress(0.0, say("Starting PyTorch"))
    command = [str(openmmlab.python()), "-m", "core.pytorch.worker"]
    return call_in_subprocess(name, arguments, timeout=timeout, command=command, progress=progress, cancelled=cancelled)
