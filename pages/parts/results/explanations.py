"""What the figures of a result mean, in a sentence."""

from __future__ import annotations

from core.common.text import Text, say
from core.report.schema import OutcomeEntry, SourceEntry
from pages.parts.widgets import number_format

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

_EQUAL_SPEED_TOLERANCE = 0.05


def answers(result: OutcomeEntry) -> Text | None:
    """How far its answers can be trusted; None where it was not compared."""
    comparison = result.comparison
    if comparison is None:
        return None
    if comparison.agreement is not None and comparison.images:
        same = round(comparison.agreement * comparison.images)
        if same == comparison.images:
            return say("The same answer as the original on all {all} test pictures.", all=comparison.images)
        return say(
            "The same answer as the original on {same} of {all} test pictures.", same=same, all=comparison.images
        )
    return say(
        "Its answers resemble the original's by {similarity} of 1.",
        similarity=number_format.similarity(comparison.cosine),
    )


def right_answers(result: OutcomeEntry, source: SourceEntry) -> Text | None:
    """How often it is right, compared with the original; None where no right answers are known."""
    if result.comparison is None or result.comparison.top1 is None or source.top1 is None:
        return None
    own, before = number_format.percent(result.comparison.top1), number_format.percent(source.top1)
    if own == before:
        return say("Right on {own} of the labelled pictures, like the original.", own=own)
    return say("Right on {own} of the labelled pictures; the original on {before}.", own=own, before=before)


def speed(result: OutcomeEntry, source: SourceEntry) -> Text | None:
    """How fast it is, compared with the original."""
    ratio = result.speed_up(source)
    if ratio is None:
        return None
    if abs(ratio - 1) < _EQUAL_SPEED_TOLERANCE:
        return say("As fast as the original on this computer.")
    if ratio > 1:
        return say("{times} as fast as the original on this computer.", times=number_format.times(ratio))
    return say("Slower than the original on this computer: {times} its speed.", times=number_format.times(ratio))
