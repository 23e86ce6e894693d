"""The process that infers the preprocessing of a model: ``python -m core.inputs FOLDER``.

See :mod:`core.inputs.infer_in_subprocess`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.common.errors import EdgePressError
from core.common.serialization import from_data, to_data
from core.inputs.infer_preprocessing import infer_preprocessing
from core.inputs.recognition import TaskRequest
from core.onnx_model.cost import cost_of
from core.onnx_model.damaged import damaged
from core.onnx_model.source import Source
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve
from core.runtimes.run_limit import LEAST_BYTES, limit_runs

_COPIES, _BYTES_PER_VALUE = 12, 8
"""Of the weights in memory, and bytes for each number of the activations, all counted twice as high as is usual."""

_RUN_SECONDS = 60.0
"""Of one run: a model that takes longer cannot be tried on several images in the time that there is."""


def infer(source: Any, images: str | None, test_images: str | None, size: Sequence[int] | None, request: Any) -> Any:
    """Propose the preprocessing of a model.

    Args:
        source: data of a :class:`Source`.
        images: path of a folder of example images.
        test_images: path of a folder of others.
        size: height and width in pixels, for a model with free ones.
        request: data of a :class:`~core.inputs.recognition.TaskRequest`.

    Returns:
        Data of a :class:`~core.inputs.infer_preprocessing.Proposal`.

    Raises:
        EdgePressError: the model or the images cannot be used.
    """
    model = from_data(Source, source)
    pixels = None if size is None else (size[0], size[1])
    try:
        activations = cost_of(model.path, pixels).activations
    except EdgePressError:
        raise
    except Exception as exc:
        raise damaged(model.path, exc) from exc
    needed = _COPIES * model.size_bytes + _BYTES_PER_VALUE * activations
    limit_runs(_RUN_SECONDS, max(LEAST_BYTES, needed))
    return to_data(
        infer_preprocessing(
            model,
            None if images is None else Path(images),
            test_images=None if test_images is None else Path(test_images),
            size=pixels,
            request=from_data(TaskRequest, request),
        )
    )


if __name__ == "__main__":
    exit_immediately(serve(Path(sys.argv[1]), {"infer": infer}))
