"""The process that exports: ``python -m core.pytorch.worker OWN_FOLDER FOLDER``, started by :mod:`core.pytorch.export`.

What it opens may run code, with the person's consent. So it has no network, and a folder of its own to work in, which
is the only one that it may write to, where the system offers that. Nothing that starts threads is imported before.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.progress import Progress
from core.process.confinement import leave_network, write_only_in
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve


def export(request: Mapping[str, Any], progress: Progress) -> Any:
    """Write the ONNX file of an :class:`ExportRequest` to its ``output``.

    Raises:
        EdgePressError: it cannot be exported.
    """
    from core.common.serialization import from_data, to_data
    from core.pytorch.request import ExportRequest
    from core.pytorch.worker.model_files import export_file
    from core.pytorch.worker.openmmlab import export_config

    typed = from_data(ExportRequest, request)
    return to_data((export_file if typed.config is None else export_config)(typed, progress))


def describe(config: str, task: str | None, progress: Progress) -> Any:
    """Describe the model of a config, as the data of a :class:`Description`.

    Raises:
        EdgePressError: the config cannot be used.
    """
    from core.common.serialization import to_data
    from core.pytorch.request import task_from_name
    from core.pytorch.worker.openmmlab import describe_config

    return to_data(describe_config(Path(config), None if task is None else task_from_name(task), progress))


def main(own_folder: Path, folder: Path) -> int:
    """Run the request in a folder; progress and result go into the same folder.

    Args:
        own_folder: the current folder, and where temporary files go.
        folder: as for :func:`core.process.subprocess_entry.serve`.
    """
    _move_into(own_folder)
    leave_network()
    write_only_in([own_folder, folder])
    logging.disable(logging.WARNING)  # the OpenMMLab packages log a lot that helps nobody here
    warnings.simplefilter("ignore")
    return serve(folder, {"export": export, "describe": describe})


def _move_into(folder: Path) -> None:
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR", "XDG_CACHE_HOME"), str(folder)))
    tempfile.tempdir = str(folder)
    os.chdir(folder)


if __name__ == "__main__":
    exit_immediately(main(*map(Path, sys.argv[1:])))
