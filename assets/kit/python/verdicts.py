"""Whether an answer is the expected one."""

from __future__ import annotations

from dataclasses import dataclass

SCORE_TOLERANCE, PIXEL_TOLERANCE = 1e-3, 1.0
"""On a processor of the same kind the answers are the same up to here."""

CLOSE_SCORE = 0.05
"""Another processor, or arithmetic in 16 bit, rounds differently: up to here it is the same answer."""

CLOSE_OVERLAP = 0.8
"""Likewise the least overlap (IoU) of two boxes or areas."""


@dataclass(frozen=True)
class Verdict:
    """Of one answer."""

    is_right: bool
    words: str


SAME = Verdict(True, "the expected answer")


def within(score: float, pixels: float = 0.0) -> Verdict:
    """The verdict on the same objects, points or classes, by how far their numbers differ at most."""
    if score <= SCORE_TOLERANCE and pixels <= PIXEL_TOLERANCE:
        return SAME
    moved = f", places by up to {pixels:.1f} pixels" if pixels > PIXEL_TOLERANCE else ""
    told = f"scores differ by up to {score:.3f}{moved}"
    if score <= CLOSE_SCORE:
        return Verdict(True, f"the expected answer; {told}, as they do where another processor rounds differently")
    return Verdict(False, f"NOT the expected answer: {told}")


def different(why: str) -> Verdict:
    """Another answer."""
    return Verdict(False, f"NOT the expected answer: {why}")
