"""Numbers as people read them, formatted here so that they look the same in every browser."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from core.common.text import Text, plural

NOTHING = "–"
"""Shown where a number is not known."""


def size(count: int | None) -> str:
    """Bytes in the decimal units that file managers and phone shops use."""
    if count is None:
        return NOTHING
    if count < 1000:
        return f"{count} B"
    amount = count / 1000
    for unit in ("kB", "MB", "GB"):
        if amount < 999.5 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.{_places(amount)}f} {unit}"


def percent(share: float | None) -> str:
    """A share of 0 to 1 as per cent; 100% only where nothing at all is missing."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{share:.0%}" if share in (0.0, 1.0) else f"{min(max(100 * share, 0.1), 99.9):.1f}%"


def part(ratio: float | None) -> str:
    """A ratio of two amounts as per cent, which may be above 100%."""
    return NOTHING if ratio is None or not math.isfinite(ratio) else f"{ratio:.0%}"


def size_and_part(count: int | None, ratio: float | None) -> str:
    """Bytes, and in brackets what they are of the original, where that is known."""
    return size(count) if ratio is None else f"{size(count)} ({part(ratio)})"


def similarity(cosine: float | None) -> str:
    """A cosine with four digits; 1 only where nothing at all is missing."""
    if cosine is None or not math.isfinite(cosine):
        return NOTHING
    if cosine < 1 and round(cosine, 4) == 1:
        return "> 0.9999"
    return f"{cosine:.4f}"


def times(ratio: float | None) -> str:
    """How many times as much."""
    if ratio is None or not math.isfinite(ratio):
        return NOTHING
    return f"{ratio:.{2 if ratio < 0.995 else 1}f}×"


def milliseconds(time: float | None) -> str:
    """The time of one run."""
    return NOTHING if time is None else f"{time:.{_places(time)}f} ms"


def decibels(ratio: float | None) -> str:
    """A signal-to-noise ratio; None where there is no noise at all."""
    return "∞" if ratio is None else f"{ratio:.1f} dB"


def count(number: int) -> str:
    """A large number, shortened: 3.5 M."""
    for unit, worth in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= worth:
            return f"{number / worth:.{_places(number / worth)}f} {unit}"
    return str(number)


def weights(number: int) -> Text:
    """How many weights a model has."""
    return plural("{count} weight", "{number} weights", count=number, number=count(number))


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: 1:05."""
    whole = max(0, int(seconds))
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
    )


def moment(seconds: float | None) -> str:
    """A moment, given in seconds since 1970, by this computer's clock and time zone."""
    if seconds is None:
        return NOTHING
    return datetime.fromtimestamp(seconds, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M")


def _places(amount: float) -> int:
    """Decimal places for three significant digits."""
    return 0 if amount >= 99.5 else 1 if amount >= 9.95 else 2
