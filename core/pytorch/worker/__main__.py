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
        EdgePressError: it cannot be exported, in words.
    """
    from core.pytorch.worker import plain
    from core.pytorch.worker.openmmlab import export_config

    asked = from_data(ExportRequest, request)
    exported = plain.export_file(asked, progress) if asked.config is None else export_config(asked, progress)
    return to_data(exported)


def describe(config: str, task: str | None, progress: Progress) -> Any:
    """What a config says of its model, as the data of a :class:`Description`.

    Raises:
        EdgePressError: the config cannot be used, in words.
    """
    from core.pytorch.request import task_from_name
    from core.pytorch.worker.openmmlab import describe_config

    return to_data(describe_config(Path(config), None if task is None else task_from_name(task), progress))


def main(folder: Path) -> int:
    """Answer the question in a folder; progress goes into the same folder."""
    logging.disable(logging.WARNING)  # the mm packages tell at length what a person cannot use
    warnings.simplefilter("ignore")
    return serve(folder, {"export": export, "describe": describe})


if __name__ == "__main__":
    exit_immediately(main(Path(sys.argv[1])))
