"""Infer the preprocessing in a subprocess: it runs the model, and a native crash must cost no more than a proposal."""

from __future__ import annotations

import sys
from pathlib import Path

from core.common.serialization import from_data, to_data
from core.inputs.infer_preprocessing import Proposal
from core.inputs.recognition import TaskRequest
from core.onnx_model.source import Source
from core.process.subprocess_call import call_in_subprocess

_COMMAND = (sys.executable, "-m", "core.inputs")


def infer_in_subprocess(
    source: Source,
    images: Path | None = None,
    *,
    test_images: Path | None = None,
    size: tuple[int, int] | None = None,
    request: TaskRequest | None = None,
    timeout: float,
) -> Proposal:
    """As :func:`core.inputs.infer_preprocessing.infer_preprocessing`, in a subprocess.

    Args:
        source: the model.
        images: folder of example images.
        test_images: folder of others, if there is one.
        size: height and width, where they are known and the model leaves them free.
        request: what is known about the task.
        timeout: seconds after which the subprocess is killed.

    Raises:
        EdgePressError: the model or the images cannot be used, or running the model crashed or took too long.
    """
    arguments = {
        "source": to_data(source),
        "images": None if images is None else str(images.absolute()),
        "test_images": None if test_images is None else str(test_images.absolute()),
        "size": size,
        "request": to_data(request or TaskRequest()),
    }
    return from_data(Proposal, call_in_subprocess("infer", arguments, timeout=timeout, command=_COMMAND))
