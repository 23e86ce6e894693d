"""The process that exports: ``python -m core.pytorch.worker FOLDER``, started by :mod:`core.pytorch.export` only."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.progress import Progress
from core.common.serialization import from_data, to_data
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve
from core.pytorch.request import ExportRequest


def export(request: Mapping[str, Any], progress: Progress) -> Any:
    """Write the ONNX file of an :class:`ExportRequest` to its ``output``.

    Raises:
        EdgePressError: it cannot be exported.
    """
    from core.pytorch.worker.model_files import export_file
    from core.pytorch.worker.openmmlab import export_config

    typed = from_data(ExportRequest, request)
    return to_data((export_file if typed.config is None else export_config)(typed, progress))


def describe(config: str, task: str | None, progress: Progress) -> Any:
    """Describe the model of a config, as the data of a :class:`Description`.

    Raises:
        EdgePressError: the config cannot be used.
    """
    from core.pytorch.request import task_from_name
    from core.pytorch.worker.openmmlab import describe_config

    return to_data(describe_config(Path(config), None if task is None else task_from_name(task), progress))


def main(folder: Path) -> int:
    """Run the request in a folder; progress and result go into the same folder."""
    logging.disable(logging.WARNING)  # the OpenMMLab packages log a lot that helps nobody here
    warnings.simplefilter("ignore")
    return serve(folder, {"export": export, "describe": describe})


if __name__ == "__main__":
    exit_immediately(main(Path(sys.argv[1])))
