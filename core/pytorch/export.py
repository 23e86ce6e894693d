"""The app's side of an export: asks the worker in the OpenMMLab environment, and puts its file in place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import OptionError
from core.common.progress import Progress, portion, silent
from core.common.publish import check_output_folder, publish
from core.common.serialization import from_data, to_data
from core.common.text import say
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.pytorch.request import Description, Exported, ExportRequest, OpenMMLabTask
from core.setup import openmmlab

_EXPORT_SECONDS = 1800.0
_DESCRIBE_SECONDS = 300.0


def export(
    request: ExportRequest, progress: Progress = silent, *, cancelled: Callable[[], bool] = never_cancelled
) -> Exported:
    """Turn a checkpoint into an ONNX file that answers like torch; takes 10 to 30 seconds.

    Args:
        request: what to export.
        progress: told at every step.
        cancelled: asked several times a second; once it says yes, the worker and all its children are ended.

    Returns:
        What was written to ``request.target``; an earlier file of that name is replaced.

    Raises:
        OptionError: an option cannot be used, or the output folder cannot be written.
        ConsentNeeded: opening the checkpoint may run code; ask, then come back with ``trust_checkpoint``.
        InputError: config, checkpoint and shape do not fit together.
        ToolError: the environment is not there, or lacks a package.
        VerificationError: the file does not answer like torch; it was thrown away.
        ConversionError: the export failed or crashed.
        Cancelled: ``cancelled`` said yes; nothing was written.
    """
    request.check()
    openmmlab.require()
    target = request.target.absolute()
    check_output_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / target.name
        arguments = {"request": to_data(replace(request.absolute(), output=made))}
        answer = _ask("export", arguments, portion(progress, 0.0, 0.98), timeout=_EXPORT_SECONDS, cancelled=cancelled)
        progress(0.98, say("Putting the files in their place"))
        publish([made], target.parent, tag=Path(temporary).name)
    progress(1.0, say("Done"))
    return replace(from_data(Exported, answer), path=target)


def describe(
    config: Path,
    task: OpenMMLabTask | None = None,
    progress: Progress = silent,
    *,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Description:
    """What a config says of its model: the shape to propose, whether it can be exported; takes about 10 seconds.

    Raises:
        OptionError: there is no such file.
        InputError: the config cannot be used.
        ToolError: the environment is not there.
        ConversionError: it crashed.
        Cancelled: ``cancelled`` said yes.
    """
    if not config.is_file():
        raise OptionError(
            say('There is no file "{path}".', path=config), next_step=say("Check the path, or pick the file again.")
        )
    openmmlab.require()
    arguments = {"config": str(config.absolute()), "task": task}
    answer = _ask("describe", arguments, progress, timeout=_DESCRIBE_SECONDS, cancelled=cancelled)
    return from_data(Description, answer)


def _ask(
    name: str, arguments: Mapping[str, Any], progress: Progress, *, timeout: float, cancelled: Callable[[], bool]
) -> Any:
    progress(0.0, say("Starting PyTorch"))
    command = [str(openmmlab.python()), "-m", "core.pytorch.worker"]
    return call_in_subprocess(name, arguments, timeout=timeout, command=command, progress=progress, cancelled=cancelled)
