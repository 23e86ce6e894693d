"""Write a torch module as an ONNX file, with what Convert wants to know in its metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError
from core.common.serialization import to_data
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.request import ExportedTensor, ExportRequest

INPUT = "input"


def write(module: Any, pictures: Any, request: ExportRequest) -> None:
    """Export by tracing with one example.

    Args:
        module: a wrapped model of :mod:`core.pytorch.worker.build`.
        pictures: the example, NCHW.
        request: its ``output`` is written, with its opset; the batch axis stays open if it says so.

    Raises:
        ConversionError: torch cannot write an operation of the model to ONNX.
    """
    import torch

    with torch.no_grad():
        names = [f"output{index}" for index in range(len(module(pictures)))]
        try:
            # A script is written as it is; a trace cannot look into it.
            script = isinstance(module.model, torch.jit.ScriptModule)
            torch.onnx.export(
                module.model if script else module,
                (pictures,),
                str(request.target),
                dynamo=False,
                opset_version=request.opset,
                input_names=[INPUT],
                output_names=names,
                dynamic_axes={name: {0: "batch"} for name in (INPUT, *names)} if request.dynamic_batch else None,
            )
        # torch has a class for each reason, and operators raise what they like.
        except Exception as exc:
            raise ConversionError(
                say("PyTorch cannot write this model to ONNX: {what}", what=str(exc).strip().splitlines()[0][:200]),
                next_step=say("Try a higher ONNX version (opset); some operations have no counterpart in ONNX."),
                detail=f"{type(exc).__name__}: {str(exc)[:3000]}",
            ) from exc


def finish(path: Path, preprocessing: Preprocessing | None, classes: Sequence[str]) -> None:
    """Leave in the file what Convert would otherwise have to ask."""
    import onnx

    model = onnx.load(str(path))
    notes = {}
    if preprocessing is not None:
        notes["edgepress.preprocessing"] = json.dumps(to_data(preprocessing))
    if classes:
        notes["edgepress.classes"] = json.dumps(list(classes), ensure_ascii=False)
    onnx.helper.set_model_props(model, notes)
    onnx.save(model, str(path))


def tensors(path: Path) -> tuple[tuple[ExportedTensor, ...], tuple[ExportedTensor, ...]]:
    """Inputs and outputs of the file."""
    from core.onnx_model.inspect import inspect

    source = inspect(path)
    return tuple(ExportedTensor(entry.name, entry.shape) for entry in source.inputs), tuple(
        ExportedTensor(entry.name, entry.shape) for entry in source.outputs
    )
