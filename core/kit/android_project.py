"""The Android project of a kit: the same for every model, as it takes the model and the C++ program out of the kit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.common.paths import ASSETS
from core.kit.cpp_program import has_program

TEMPLATES = ASSETS / "kit" / "android"


def has_project(settings: Mapping[str, Any]) -> bool:
    """Whether there is one: for ncnn files that need nothing but ncnn.

    Args:
        settings: as :func:`core.kit.settings.settings_of` makes them.
    """
    model = settings["model"]
    return has_program(settings) and model["runtime"] == "ncnn" and not model["post_processing"]


def write_project(folder: Path) -> None:
    """Copy the project into a folder that is made."""
    shutil.copytree(TEMPLATES, folder)
