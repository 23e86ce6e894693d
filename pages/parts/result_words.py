"""What the figures of a result mean, in a sentence."""

from __future__ import annotations

from core.text import Text, say
from pages.parts import figures
from pages.parts.report_view import Original, Result

SIMILARITY_HELP = say(
    "How much the answers resemble the original's (cosine similarity, worst output). 1 means exactly the same "
    "direction; above 0.99 the difference hardly matters."
)
AGREEMENT_HELP = say("On how many of the test pictures its first answer is the same as the original's.")
RIGHT_HELP = say("On how many of the labelled test pictures its first answer is the right one (top-1 accuracy).")
SPEED_HELP = say(
    "How many times as fast as the original on this computer, with one processor core. On a phone or a small board it "
    "may differ, above all for ncnn, which is made for those."
)
SHARE_HELP = say("How large the file is, compared with the original.")

_SAME_FASTNESS = 0.05


def answers(result: Result) -> Text | None:
    """How far its answers can be trusted; None where it was not compared."""
    if result.agreement is not None and result.images:
        same = round(result.agreement * result.images)
        if same == result.images:
            return say("The same answer as the original on all {all} test pictures.", all=result.images)
        return say("The same answer as the original on {same} of {all} test pictures.", same=same, all=result.images)
    if result.cosine is None:
        return None
    return say(
        "Its answers resemble the original's by {similarity} of 1.", similarity=figures.similarity(result.cosine)
    )


def right_answers(result: Result, original: Original) -> Text | None:
    """How often it is right, compared with the original; None where no right answers are known."""
    if result.top1 is None or original.top1 is None:
        return None
    own, before = figures.percent(result.top1), figures.percent(original.top1)
    if own == before:
        return say("Right on {own} of the labelled pictures, like the original.", own=own)
    return say("Right on {own} of the labelled pictures; the original on {before}.", own=own, before=before)


def speed(result: Result, original: Original) -> Text | None:
    """How fast it is, compared with the original."""
    ratio = result.speed_up(original)
    if ratio is None:
        return None
    if abs(ratio - 1) < _SAME_FASTNESS:
        return say("As fast as the original on this computer.")
    if ratio > 1:
        return say("{times} as fast as the original on this computer.", times=figures.times(ratio))
    return say("Slower than the original on this computer: {times} its speed.", times=figures.times(ratio))
