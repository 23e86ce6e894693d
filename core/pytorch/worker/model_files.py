"""Export files that hold a whole model and need no config: TorchScript, torch.export, Ultralytics."""

from __future__ import annotations

from typing import Any

from core.common.errors import CheckpointError, ConversionError, OptionError
from core.common.progress import Progress
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.file_kinds import kind_of
from core.pytorch.request import Exported, ExportRequest
from core.pytorch.worker import shapes, ultralytics
from core.pytorch.worker.consent import check_consent
from core.pytorch.worker.verified_export import export_verified


def export_file(request: ExportRequest, progress: Progress) -> Exported:
    """Export a file that contains the code of its model.

    Args:
        request: without a config; its ``output`` is written.
        progress: called at every step.

    Raises:
        CheckpointError: it holds only weights, or is damaged.
        ConsentNeeded: such files hold programs, and the person has not agreed; nothing of it was run.
        OptionError: the shape is missing or does not fit.
        ToolError: a package is missing.
        ConversionError: torch cannot run or write it.
    """
    kind = kind_of(request.checkpoint)
    check_consent(request.checkpoint, kind, trusted=request.trust_checkpoint or kind == "weights")
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
    program, model = (None, _open_script(request)) if kind == "torchscript" else _open_program(request)
    shape = request.shape or _own_shape(program)
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


def _open_script(request: ExportRequest) -> Any:
    import torch

    try:
        return torch.jit.load(str(request.checkpoint), map_location="cpu").eval()
    # The TorchScript reader raises RuntimeError and others for any damage.
    except Exception as exc:
        raise _damaged(request, exc) from exc


def _open_program(request: ExportRequest) -> tuple[Any, Any]:
    """The exported program, and the module in it."""
    import torch

    try:
        program = torch.export.load(request.checkpoint)
        model = program.module()
    # It unpickles, and runs what it unpickled, which can fail in any way.
    except Exception as exc:
        raise _damaged(request, exc) from exc
    model.train = lambda *_: model  # it raises when its mode is switched, and has none
    return program, model


def _own_shape(program: Any) -> tuple[int, int] | None:
    """The shape of the example in a torch.export file; TorchScript has none."""
    if program is None:
        return None
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
