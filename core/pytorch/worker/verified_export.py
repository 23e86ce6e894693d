"""The last part of every export: run the model in PyTorch, write the ONNX file, compare both."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.common.progress import Progress
from core.common.text import Text, say
from core.job.task_name import TaskName
from core.preprocessing import Preprocessing
from core.pytorch.request import TASKS, Exported, ExportedTensor, ExportRequest
from core.pytorch.worker import build, onnx_file, verify


def export_verified(
    request: ExportRequest,
    model: Any,
    *,
    kind: str,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    task: TaskName | None = None,
    notes: Sequence[Text] = (),
    progress: Progress,
    is_known: bool = True,
) -> Exported:
    """Write the ONNX file, and verify its outputs against those of the model in PyTorch.

    Args:
        request: its ``output`` is written.
        model: an OpenMMLab model where ``kind`` is a task, else any module that takes an NCHW tensor.
        kind: as in :class:`Exported`.
        preprocessing: how images become its input.
        classes: names of its classes.
        task: what it is for, where that is sure.
        notes: for the person.
        progress: called at every step.
        is_known: whether ``preprocessing`` is the model's own; else it serves to make inputs, and is not recorded.

    Raises:
        ConversionError: torch cannot write it, or onnxruntime cannot run it.
        VerificationError: its outputs differ from PyTorch's.
    """
    import torch

    wrap = build.wrap_openmmlab if kind in TASKS else build.wrap_module
    progress(0.5, say("Running the model in PyTorch"))
    inputs = verify.make_inputs(preprocessing, batches=(1, 2) if request.dynamic_batch else (1,))
    expected = verify.torch_outputs(wrap(model), inputs)  # before branches are merged for the export
    progress(0.65, say("Writing ONNX"))
    onnx_file.write(wrap(_merged(model)), torch.from_numpy(np.ascontiguousarray(inputs[0][1])), request)
    known = preprocessing if is_known else None
    onnx_file.add_metadata(request.target, known, classes, task)
    progress(0.8, say("Comparing with PyTorch"))
    checks = verify.compare(request.target, inputs, expected)
    return Exported(
        path=request.target,
        kind=kind,
        **_tensors(request.target),
        opset=request.opset,
        size_bytes=request.target.stat().st_size,
        preprocessing=known,
        classes=tuple(classes),
        checks=checks,
        notes=tuple(notes),
    )


def _tensors(path: Path) -> dict[str, tuple[ExportedTensor, ...]]:
    """``inputs`` and ``outputs`` of the file."""
    from core.onnx_model.inspect import inspect

    source = inspect(path)
    return {
        "inputs": tuple(ExportedTensor(tensor.name, tensor.shape) for tensor in source.inputs),
        "outputs": tuple(ExportedTensor(tensor.name, tensor.shape) for tensor in source.outputs),
    }


def _merged(model: Any) -> Any:
    try:
        merged = copy.deepcopy(model)
        build.merge_branches(merged)
    except Exception:  # noqa: BLE001 - merging only makes the model faster; else it is exported as it is
        return model
    return merged
