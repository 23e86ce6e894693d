"""The process that exports: ``python -m core.pytorch.worker FOLDER``, started by :mod:`core.pytorch.export` only."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.progress import Progress
from core.pytorch.request import ExportRequest
from core.queue.answer import main
from core.queue.worker import leave


def export(request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the ONNX file of :meth:`ExportRequest.from_json` to its ``output``.

    Raises:
        EdgePressError: it cannot be exported, in words.
    """
    from core.pytorch.worker import plain
    from core.pytorch.worker.openmmlab import export_config

    asked = ExportRequest.from_json(request)
    exported = plain.export_file(asked, progress) if asked.config is None else export_config(asked, progress)
    return exported.to_json()


def describe(config: str, task: str | None, progress: Progress) -> dict[str, Any]:
    """What a config says of its model, as :meth:`Description.to_json`.

    Raises:
        EdgePressError: the config cannot be used, in words.
    """
    from core.pytorch.request import task_from_name
    from core.pytorch.worker.openmmlab import describe_config

    return describe_config(Path(config), None if task is None else task_from_name(task), progress).to_json()


def serve(folder: Path) -> int:
    """Answer the question in a folder; progress goes into the same folder."""
    logging.disable(logging.WARNING)  # the mm packages tell at length what a person cannot use
    warnings.simplefilter("ignore")
    return main(folder, {"export": export, "describe": describe})


if __name__ == "__main__":
    leave(serve(Path(sys.argv[1])))
