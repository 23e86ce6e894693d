"""How much the answers may change, as a person chooses it; quantisers and verdicts both follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from core.common.text import Text, say

AllowedChange: TypeAlias = Literal["nothing", "hardly", "little", "smallest"]
"""As good as nothing, hardly, a little; or the smallest file, whatever it costs."""

CHANGE_TITLES: Mapping[AllowedChange, Text] = {
    "nothing": say("As good as nothing"),
    "hardly": say("Hardly"),
    "little": say("A little"),
    "smallest": say("Smallest files"),
}

DEFAULT_CHANGE: AllowedChange = "hardly"

_KEPT: tuple[tuple[float, AllowedChange], ...] = ((0.995, "nothing"), (0.99, "hardly"), (0.95, "little"))
"""Shares of the answers that stay, each with the choice that it stands for; below, only the size counts."""


def change_that_keeps(share: float) -> AllowedChange:
    """The choice by which quantisers are to work where a person says how many of the answers must stay.

    Args:
        share: 0 to 1.
    """
    return next((change for least, change in _KEPT if share >= least), "smallest")
