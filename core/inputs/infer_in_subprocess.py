"""Infer the preprocessing in a process of its own, since that runs the model: a native crash costs a proposal only."""

from __future__ import annotations

import sys
from pathlib import Path

from core.common.serialization import from_data, to_data
from core.inputs.infer_preprocessing import Proposal
from core.onnx_model.source import Source
from core.process.subprocess_call import call_in_subprocess

_COMMAND = (sys.executable, "-m", "core.inputs")


def infer_in_subprocess(
    source: Source, images: Path | None = None, *, size: tuple[int, int] | None = None, timeout: float
) -> Proposal:
    """As :func:`core.inputs.infer_preprocessing.infer_preprocessing`.

    Args:
        source: the model.
        images: folder of example images.
        size: height and width, where the person knows them and the model takes any.
        timeout: seconds after which it is ended.

    Raises:
        EdgePressError: the model or the images cannot be used, or trying them crashed or took too long.
    """
    arguments = {
        "source": to_data(source),
        "images": None if images is None else str(images.absolute()),
        "size": size,
    }
    return from_data(Proposal, call_in_subprocess("infer", arguments, timeout=timeout, command=_COMMAND))
