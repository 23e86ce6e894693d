"""Export files that hold a whole model and need no config: TorchScript, torch.export, Ultralytics."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from core.common.errors import CheckpointError, ConversionError, OptionError
from core.common.progress import Progress
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.file_kinds import kind_of
from core.pytorch.request import Exported, ExportRequest
from core.pytorch.worker import shapes, ultralytics
from core.pytorch.worker.checkpoint import not_a_checkpoint
from core.pytorch.worker.verified_export import export_verified


def export_file(request: ExportRequest, progress: Progress) -> Exported:
    """Export a file that contains the code of its model.

    Args:
        request: without a config; its ``output`` is written.
        progress: called at every step.

    Raises:
        CheckpointError: it holds only weights, or is damaged.
        ConsentNeeded: an Ultralytics checkpoint is a pickle with code.
        OptionError: the shape is missing or does not fit.
        ToolError: a package is missing.
        ConversionError: torch cannot run or write it.
    """
    kind = kind_of(request.checkpoint)
    if kind == "weights" and not _is_complete(request.checkpoint):
        raise not_a_checkpoint(request.checkpoint)
    if kind == "weights":
        raise CheckpointError(
            say(
                '"{name}" holds weights only: they say nothing without their config.',
                name=request.checkpoint.name,
            ),
            next_step=say(
                "Give the config that it was trained with (on the page: OpenMMLab; on the command line: --config)."
            ),
        )
    progress(0.1, say("Opening the model"))
    if kind == "ultralytics":
        return ultralytics.export_checkpoint(request, progress)
    model = _open_script(request) if kind == "torchscript" else _open_program(request)
    shape = request.shape or _own_shape(kind, request)
    if shape is None:
        raise OptionError(
            say("This file does not say which size of pictures it takes."),
            next_step=say("Give height and width in pixels (on the command line: --shape 224,224)."),
        )
    shapes.check_shape(model, shape)
    return export_verified(
        request,
        model,
        kind=kind,
        preprocessing=Preprocessing(shape, fit="stretch"),
        progress=progress,
        is_known=False,
    )


def _is_complete(path: Path) -> bool:
    """Whether it is a complete zip archive, or a pickle as PyTorch wrote before its version 1.6."""
    with path.open("rb") as file:
        return zipfile.is_zipfile(path) or file.read(2) == b"\x80\x02"


def _open_script(request: ExportRequest) -> Any:
    import torch

    try:
        return torch.jit.load(str(request.checkpoint), map_location="cpu").eval()
    # The TorchScript reader raises RuntimeError and others for any damage.
    except Exception as exc:
        raise _damaged(request, exc) from exc


def _open_program(request: ExportRequest) -> Any:
    import torch

    try:
        model = torch.export.load(request.checkpoint).module()
    except Exception as exc:
        raise _damaged(request, exc) from exc
    model.train = lambda *_: model  # it raises when its mode is switched, and has none
    return model


def _own_shape(kind: str, request: ExportRequest) -> tuple[int, int] | None:
    """The shape of the example in a torch.export file; TorchScript has none."""
    import torch

    if kind != "torch.export":
        return None
    program = torch.export.load(request.checkpoint)
    names = program.graph_signature.user_inputs
    found = [node.meta["val"].shape for node in program.graph.nodes if node.name in names]
    if len(found) != 1 or len(found[0]) != 4:
        raise OptionError(
            say("The model takes no single picture, but {shapes}.", shapes=[tuple(map(str, shape)) for shape in found]),
            next_step=say("Only models with one input of the shape batch, 3, height, width can be exported here."),
        )
    return int(found[0][2]), int(found[0][3])


def _damaged(request: ExportRequest, exc: Exception) -> ConversionError:
    return ConversionError(
        say('"{name}" cannot be opened by this version of PyTorch.', name=request.checkpoint.name),
        next_step=say("Save it again with PyTorch 2, or copy it again if it may be cut off."),
        detail=f"{type(exc).__name__}: {str(exc)[-2000:]}",
    )
