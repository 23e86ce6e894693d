"""Foreign text (file names, classes, notes) in a README, as text and nothing else."""

from __future__ import annotations

import re

from core.common.text import visible

_MEANINGFUL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&@])")


def plain(text: object) -> str:
    """Escape everything that Markdown would interpret, addresses and HTML too."""
    return _MEANINGFUL.sub(r"\\\1", visible(" ".join(str(text).split())))


def code(text: object) -> str:
    """A code span, in which nothing is interpreted: the fence is longer than any row of backticks in the text.

    A bar would end a table's cell even there, so it is written as another character that looks like it.
    """
    shown = visible(" ".join(str(text).split())).replace("|", "\u2223")
    longest = max((len(row) for row in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
