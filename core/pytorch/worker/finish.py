"""The end that every export shares: answers noted, file written, held against the answers, told."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.common.progress import Progress
from core.common.text import Text, say
from core.preprocessing import Preprocessing
from core.pytorch.request import TASKS, Exported, ExportRequest
from core.pytorch.worker import build, onnx_file, verify


def write_verified(
    request: ExportRequest,
    model: Any,
    *,
    kind: str,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    notes: Sequence[Text] = (),
    progress: Progress,
    is_known: bool = True,
) -> Exported:
    """Write the ONNX file and make sure that it answers like the model did before.

    Args:
        request: its ``output`` is written.
        model: an OpenMMLab model where ``kind`` is a task, else any module that takes pictures.
        kind: where it came from.
        preprocessing: how pictures become its input.
        classes: names of its classes.
        notes: what else to know.
        progress: told at every step.
        is_known: whether ``preprocessing`` is the model's own, and not only a way to feed it.

    Raises:
        ConversionError: torch cannot write it, or onnxruntime cannot run it.
        VerificationError: it does not answer like torch.
    """
    import torch

    wrapped = build.answers if kind in TASKS else build.plain
    progress(0.5, say("Running the model in PyTorch"))
    given = verify.feeds(preprocessing, batches=(1, 2) if request.dynamic_batch else (1,))
    expected = verify.answer(wrapped(model), given)  # before anything is merged for the export
    progress(0.65, say("Writing ONNX"))
    merged = _merged(model)
    onnx_file.write(wrapped(merged), torch.from_numpy(np.ascontiguousarray(given[0][1])), request)
    known = preprocessing if is_known else None
    onnx_file.finish(request.target, known, classes)
    progress(0.8, say("Comparing with PyTorch"))
    checks = verify.compare(request.target, given, expected)
    inputs, outputs = onnx_file.tensors(request.target)
    return Exported(
        path=request.target,
        kind=kind,
        inputs=inputs,
        outputs=outputs,
        opset=request.opset,
        size_bytes=request.target.stat().st_size,
        preprocessing=known,
        classes=tuple(classes),
        checks=checks,
        notes=tuple(notes),
    )


def _merged(model: Any) -> Any:
    try:
        merged = copy.deepcopy(model)
        build.merge_branches(merged)
    except Exception:  # noqa: BLE001 - merging only makes it faster; without, it is exported as it is
        return model
    return merged
