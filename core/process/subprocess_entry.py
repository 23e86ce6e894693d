"""The subprocess's side of :mod:`core.process.subprocess_call`: runs the one request in its folder."""

from __future__ import annotations

import faulthandler
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, EdgePressError
from core.common.json_files import read_json, write_json
from core.common.progress import Progress
from core.common.unexpected_errors import describe_unexpected_error
from core.process.error_json import error_to_json
from core.process.lifecycle import die_with_parent
from core.process.progress_lines import ProgressWriter
from core.process.subprocess_call import REQUEST_FILE, RESPONSE_FILE

Functions = Mapping[str, Callable[..., Any]]
"""What can be called, by name: each takes and returns plain data, and may take ``progress``."""


def serve(folder: Path, functions: Functions) -> int:
    """Run the request in a folder.

    Args:
        folder: holds the request, and takes the response.
        functions: what can be called.

    Returns:
        The exit code: 0, since an error is a response too.
    """
    faulthandler.enable()
    die_with_parent()
    response = _respond(read_json(folder / REQUEST_FILE), functions, ProgressWriter(folder))
    write_json(folder / RESPONSE_FILE, response)
    return 0


def _respond(request: Mapping[str, Any], functions: Functions, progress: Progress) -> dict[str, Any]:
    try:
        function = functions[request["name"]]
        optional = {"progress": progress} if "progress" in inspect.signature(function).parameters else {}
        return {"value": function(**request["arguments"], **optional)}
    except EdgePressError as exc:
        return {"error": error_to_json(exc)}
    # The last place that can turn it into a readable error.
    except Exception as exc:  # noqa: BLE001
        reason, next_step, detail = describe_unexpected_error(exc)
        return {"error": error_to_json(ConversionError(reason, next_step=next_step, detail=detail))}
