"""Export Ultralytics checkpoints: pickles with program code, opened with consent only, by their own package."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.common.errors import CheckpointError, ToolError
from core.common.progress import Progress
from core.common.text import Text, say
from core.preprocessing import Preprocessing
from core.pytorch.request import Exported, ExportRequest
from core.pytorch.worker import import_stubs, shapes
from core.pytorch.worker.verified_export import export_verified

TESTED = "8.4.190"
"""The version of ultralytics that this was tested with."""

_OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
"""Else the package connects to the internet when it is imported, and installs what a checkpoint asks for."""


def export_checkpoint(request: ExportRequest, progress: Progress) -> Exported:
    """Export an Ultralytics checkpoint, once the person has allowed it to run code.

    Args:
        request: without a config, and trusted; its ``output`` is written.
        progress: called at every step.

    Raises:
        ToolError: the package ultralytics is not there.
        CheckpointError: the package cannot open it.
        OptionError: the shape does not fit.
        ConversionError: torch cannot run or write it.
    """
    if importlib.util.find_spec("ultralytics") is None:
        raise _not_installed()
    with tempfile.TemporaryDirectory(prefix="edgepress-yolo-", ignore_cleanup_errors=True) as folder:
        yolo, model = _open(request, Path(folder))
    is_classifier = yolo.task == "classify"
    shape = request.shape or _own_shape(yolo.overrides["imgsz"])
    shapes.check_shape(model, shape)
    return export_verified(
        request,
        model,
        kind="ultralytics",
        preprocessing=Preprocessing(shape, fit="crop" if is_classifier else "pad"),
        classes=tuple(str(yolo.names[key]) for key in sorted(yolo.names)),
        notes=_notes(is_classifier=is_classifier),
        progress=progress,
    )


def _open(request: ExportRequest, folder: Path) -> tuple[Any, Any]:
    """The package's own object, and the torch module in it, ready to be exported.

    The package takes some file names for models to download, so it gets a copy with a neutral name.
    """
    import_stubs.install_import_stubs()
    os.environ.update({**_OFFLINE, "YOLO_CONFIG_DIR": str(folder)})
    copy = folder / "model.pt"
    shutil.copyfile(request.checkpoint, copy)
    try:
        from ultralytics import YOLO

        yolo = YOLO(str(copy))
        model = yolo.model.float().eval().fuse()
    # It runs the code in the checkpoint, which can fail in any way.
    except Exception as exc:
        raise _not_opened(request, exc) from exc
    for module in model.modules():  # in export mode the heads decode boxes into one tensor
        if hasattr(module, "export"):
            module.export, module.format = True, "onnx"
    return yolo, model


def _own_shape(size: Any) -> tuple[int, int]:
    """The size of the training; the package fills in its default where the checkpoint does not say."""
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _notes(*, is_classifier: bool) -> tuple[Text, ...]:
    if not is_classifier:
        return ()
    return (
        say("Ultralytics cuts a square of the full height or width out of pictures; EdgePress cuts a bit more off."),
    )


def _not_installed() -> ToolError:
    command = [sys.executable, "-m", "pip", "install", "--no-deps", f"ultralytics=={TESTED}"]
    return ToolError(
        say("Ultralytics checkpoints need the package ultralytics, which is not in the OpenMMLab environment."),
        next_step=say("Type the command in the technical details into a terminal, then try again."),
        detail=subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command),
    )


def _not_opened(request: ExportRequest, exc: Exception) -> CheckpointError:
    return CheckpointError(
        say('The package ultralytics cannot open "{name}".', name=request.checkpoint.name),
        next_step=say(
            "It may be damaged, cut off, or written by another version. YOLOv5, v7 and v9 from before that package "
            "need the program that trained them, which can write ONNX or TorchScript."
        ),
        detail=f"{type(exc).__name__}: {str(exc)[-2000:]}",
    )
