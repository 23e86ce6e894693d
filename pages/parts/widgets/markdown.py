"""Words from outside (file names, classes, error messages) inside Streamlit's markdown."""

from __future__ import annotations

import re

_MEANINGFUL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def plain(words: object) -> str:
    """Escape everything that markdown, its directives or its formulas would take for a command."""
    return _MEANINGFUL.sub(r"\\\1", " ".join(str(words).split()))
