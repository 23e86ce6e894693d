"""Files that hold a whole model and need no config: TorchScript, torch.export, and Ultralytics checkpoints."""

from __future__ import annotations

from typing import Any

from core.errors import CheckpointError, ConsentNeeded, ConversionError, OptionError, ToolError
from core.preprocessing import Preprocessing
from core.progress import Progress
from core.pytorch.kinds import kind_of
from core.pytorch.request import Exported, ExportRequest, shape_text
from core.pytorch.worker.finish import write_verified
from core.text import say


def export_file(request: ExportRequest, progress: Progress) -> Exported:
    """Export a file that brings its own code.

    Args:
        request: without a config; its ``output`` is written.
        progress: told at every step.

    Raises:
        CheckpointError: it holds only weights, or is damaged.
        ConsentNeeded: an Ultralytics checkpoint is a pickle with code.
        OptionError: the shape is missing or does not fit.
        ToolError: a package is missing.
        ConversionError: torch cannot run or write it.
    """
    kind = kind_of(request.checkpoint)
    if kind == "weights":
        raise CheckpointError(
            say(
                '"{name}" holds weights only (or is damaged): they say nothing without their config.',
                name=request.checkpoint.name,
            ),
            next_step=say("Give the config that it was trained with (--config)."),
        )
    progress(0.1, say("Opening the model"))
    if kind == "ultralytics":
        return _export_ultralytics(request, progress)
    model = _open_script(request) if kind == "torchscript" else _open_program(request)
    shape = request.shape or _own_shape(kind, request)
    if shape is None:
        raise OptionError(
            say("This file does not say which size of pictures it takes."),
            next_step=say("Give height and width in pixels (on the command line: --shape 224,224)."),
        )
    _check_runs(model, shape)
    return write_verified(
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
    # The reader of TorchScript raises RuntimeError and others for whatever is wrong.
    except Exception as exc:
        raise _damaged(request, exc) from exc


def _open_program(request: ExportRequest) -> Any:
    import torch

    try:
        model = torch.export.load(request.checkpoint).module()
    except Exception as exc:
        raise _damaged(request, exc) from exc
    model.train = lambda *_: model  # it cannot be switched, raises when it is asked to, and answers as it was exported
    return model


def _own_shape(kind: str, request: ExportRequest) -> tuple[int, int] | None:
    """A torch.export file knows the shape of its example; TorchScript does not."""
    import torch

    if kind != "torch.export":
        return None
    program = torch.export.load(request.checkpoint)
    names = program.graph_signature.user_inputs
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.name in names]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise OptionError(
            say(
                "The model takes no single picture, but {shapes}.", shapes=[tuple(map(str, shape)) for shape in shapes]
            ),
            next_step=say("Only models with one input of the shape batch, 3, height, width can be exported here."),
        )
    return int(shapes[0][2]), int(shapes[0][3])


def _check_runs(model: Any, shape: tuple[int, int]) -> None:
    import torch

    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, *shape))
    except Exception as exc:
        raise OptionError(
            say("The model does not run on a picture of {shape} (height,width).", shape=shape_text(shape)),
            next_step=say("Give the shape that it was made for (--shape); it must take one picture with 3 colours."),
            detail=str(exc)[-2000:],
        ) from exc


def _export_ultralytics(request: ExportRequest, progress: Progress) -> Exported:
    if not request.trust_checkpoint:
        raise ConsentNeeded(
            say(
                '"{name}" is an Ultralytics checkpoint, which holds program code: opening it can run any program that '
                "its maker put into it, with your rights. Nothing of it was run.",
                name=request.checkpoint.name,
            ),
            next_step=say(
                "If you trust where the file comes from, agree to it (--trust-checkpoint). Else do not use it."
            ),
        )
    model, shape, names = _open_ultralytics(request)
    _check_runs(model, shape)
    return write_verified(
        request,
        model,
        kind="ultralytics",
        preprocessing=Preprocessing(shape, fit="pad"),
        classes=names,
        progress=progress,
    )


def _open_ultralytics(request: ExportRequest) -> tuple[Any, tuple[int, int], tuple[str, ...]]:
    try:
        from ultralytics import YOLO
    except ImportError as exc:
        raise ToolError(
            say("Ultralytics checkpoints need the package ultralytics, which is not in the OpenMMLab environment."),
            next_step=say(
                "Install it there: {command}",
                command="python -m pip install --no-deps ultralytics  (with the Python of that environment)",
            ),
            detail=str(exc),
        ) from exc
    try:
        yolo = YOLO(str(request.checkpoint))
        model = yolo.model.float().eval().fuse()
    except Exception as exc:
        raise _damaged(request, exc) from exc
    for module in model.modules():  # its heads decode boxes into one tensor when they are told to export
        if hasattr(module, "export"):
            module.export, module.format = True, "onnx"
    size = request.shape or _square(yolo.overrides.get("imgsz", 640))
    return model, size, tuple(str(yolo.names[key]) for key in sorted(yolo.names))


def _square(size: Any) -> tuple[int, int]:
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _damaged(request: ExportRequest, exc: Exception) -> ConversionError:
    return ConversionError(
        say('"{name}" cannot be opened by this version of PyTorch.', name=request.checkpoint.name),
        next_step=say("Save it again with PyTorch 2, or copy it again if it may be cut off."),
        detail=f"{type(exc).__name__}: {str(exc)[-2000:]}",
    )
