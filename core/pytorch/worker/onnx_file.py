"""Write a torch module as an ONNX file, with preprocessing, class names and task in its metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError
from core.common.serialization import to_data
from core.common.text import say
from core.job.task_name import TaskName
from core.preprocessing import Preprocessing
from core.pytorch.request import ExportRequest

INPUT = "input"


def write(module: Any, images: Any, request: ExportRequest) -> None:
    """Export by tracing with one example.

    Args:
        module: a wrapped model of :mod:`core.pytorch.worker.build`.
        images: the example, NCHW.
        request: its ``output`` is written, with its opset; the batch axis stays open if it says so.

    Raises:
        ConversionError: torch cannot write an operation of the model to ONNX.
    """
    import torch

    with torch.no_grad():
        names = [f"output{index}" for index in range(len(module(images)))]
        try:
            # A script is exported as it is: it cannot be traced.
            script = isinstance(module.model, torch.jit.ScriptModule)
            torch.onnx.export(
                module.model if script else module,
                (images,),
                str(request.target),
                dynamo=False,
                opset_version=request.opset,
                input_names=[INPUT],
                output_names=names,
                dynamic_axes={name: {0: "batch"} for name in (INPUT, *names)} if request.dynamic_batch else None,
            )
        # torch has a class for each reason, and operators raise any other.
        except Exception as exc:
            raise ConversionError(
                say("PyTorch cannot write this model to ONNX: {what}", what=str(exc).strip().splitlines()[0][:200]),
                next_step=say("Try a higher ONNX version (opset); some operations have no counterpart in ONNX."),
                detail=f"{type(exc).__name__}: {str(exc)[:3000]}",
            ) from exc


def add_metadata(
    path: Path, preprocessing: Preprocessing | None, classes: Sequence[str], task: TaskName | None = None
) -> None:
    """Add what Convert would otherwise have to infer, or to ask the person."""
    import onnx

    model = onnx.load(str(path))
    properties = {}
    if preprocessing is not None:
        properties["edgepress.preprocessing"] = json.dumps(to_data(preprocessing))
    if classes:
        properties["edgepress.classes"] = json.dumps(list(classes), ensure_ascii=False)
    if task is not None:
        properties["edgepress.task"] = task
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, str(path))
