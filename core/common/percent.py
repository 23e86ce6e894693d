"""Shares for people."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share of 0 to 1 with one decimal; 100% only where nothing is missing."""
    rounded = f"{100 * share if share >= 1 else min(100 * share, 99.9):.1f}"
    return f"{rounded.removesuffix('.0')}%"
