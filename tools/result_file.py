"""The file that ``--json`` asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.json_files import write_json


def write_result(path: Path | None, data: Any) -> None:
    """Write the result for other programs; nothing happens without a path.

    Args:
        path: the file; its folder is made.
        data: what :mod:`json` can write.

    Raises:
        OSError: it cannot be written.
    """
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, data, indent=2)
