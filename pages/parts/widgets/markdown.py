"""Foreign text (file names, classes, error messages) inside Streamlit's markdown."""

from __future__ import annotations

import re

from core.common.text import visible

_MEANINGFUL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def plain(text: object) -> str:
    """Escape everything that markdown, its directives or its formulas would interpret."""
    return _MEANINGFUL.sub(r"\\\1", visible(" ".join(str(text).split())))
