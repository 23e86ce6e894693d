"""The figures of a result as sentences, and what each figure means."""

from __future__ import annotations

from core.common.text import Text, plural, say
from core.report.schema import OutcomeEntry, SourceEntry
from pages.parts.widgets import number_format

SIMILARITY_HELP = say(
    "How similar the outputs are to the original's (cosine similarity, worst output). 1 means exactly the same "
    "direction; above 0.99 the difference hardly matters."
)
AGREEMENT_HELP = say(
    "On how many of the test pictures its first answer is the same as the original's (top-1 agreement)."
)
RIGHT_HELP = say("On how many of the labelled test pictures its first answer is the right one (top-1 accuracy).")
SPEED_HELP = say(
    "How many times as fast as the original on this computer, with one processor core. On a phone or a small board it "
    "may differ, above all for ncnn, which is made for those."
)
SHARE_HELP = say("How large the file is, compared with the original.")

_EQUAL_SPEED_TOLERANCE = 0.05


def agreement(result: OutcomeEntry) -> Text | None:
    """How often its predictions, or how closely its outputs, are the original's; None where it was not compared."""
    comparison = result.comparison
    if comparison is None:
        return None
    if comparison.agreement is not None and comparison.images:
        same = round(comparison.agreement * comparison.images)
        if same == comparison.images:
            return plural(
                "The same answer as the original on the one test picture.",
                "The same answer as the original on all {count} test pictures.",
                count=same,
            )
        return plural(
            "Another answer than the original on the one test picture.",
            "The same answer as the original on {same} of {count} test pictures.",
            count=comparison.images,
            same=same,
        )
    return say(
        "The similarity of its outputs to the original's is {similarity} of 1.",
        similarity=number_format.similarity(comparison.cosine),
    )


def accuracy(result: OutcomeEntry, source: SourceEntry) -> Text | None:
    """Its top-1 accuracy, compared with the original's; None where no labels are known."""
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
