"""Import what pages need while the browser starts, so that the first page that is opened appears a second earlier."""

from __future__ import annotations

import importlib
import threading

_HEAVY = ("pages.parts.results.gallery", "pages.parts.results.result_chart", "pages.parts.convert.model_step")
"""Modules that import what takes long: tables, charts, pictures, models."""


def import_ahead() -> threading.Thread:
    """Begin to import, in a thread that ends with the process."""
    thread = threading.Thread(target=_import_all, daemon=True, name="import ahead")
    thread.start()
    return thread


def _import_all() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
