"""The figures of a result as sentences, and what each figure means."""

from __future__ import annotations

from collections.abc import Iterator

from core.common import number_format
from core.common.percent import percent
from core.common.text import Text, plural, say
from core.job.comparison import Agreement
from core.report.schema import OutcomeEntry, Report, SourceEntry
from core.report.wording import TRUTH_TITLES, difference, truth_of

SPEED_HELP = say(
    "How many times as fast as the original on this computer, with one processor core. On a phone or a small board it "
    "may differ, above all for ncnn, which is made for those."
)
SHARE_HELP = say("How large the file is, compared with the original.")

_EQUAL_SPEED_TOLERANCE = 0.05


def compared_on(count: int, *, takes_image: bool) -> Text:
    """The test samples of a job, or what took their place.

    Args:
        count: of the samples.
        takes_image: whether the model takes pictures.
    """
    if not count:
        return say("random inputs instead of pictures") if takes_image else say("random inputs")
    if takes_image:
        return plural("{count} test picture", "{count} test pictures", count=count)
    return plural("{count} test example", "{count} test examples", count=count)


def counted(agreement: Agreement, report: Report) -> Text:
    """On how much an agreement was measured."""
    takes_pictures = any(len(tensor.shape) == 4 for tensor in report.source.inputs) or not report.source.inputs
    if takes_pictures:
        samples = plural("{count} picture", "{count} pictures", count=agreement.samples)
    else:
        samples = plural("{count} example", "{count} examples", count=agreement.samples)
    if agreement.metric in ("box-f1", "mask-f1", "pose-f1"):
        things = plural("{count} object", "{count} objects", count=agreement.counted)
        return say("{things} on {samples}", things=things, samples=samples)
    return samples


def truths(result: OutcomeEntry, source: SourceEntry) -> Iterator[Text]:
    """Each figure against the labels, with the original's; none where no labels are known."""
    if result.comparison is None:
        return
    for figure in result.comparison.truth:
        before, by = truth_of(source.truth, figure.metric), difference(figure)
        title, own = TRUTH_TITLES[figure.metric], percent(figure.value)
        if before is None or by is None:
            yield say("{title}: {own}.", title=title, own=own)
        else:
            original = percent(before.value)
            yield say(
                "{title}: {own}, the original {before}; {difference}.",
                title=title,
                own=own,
                before=original,
                difference=by,
            )


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


def reach(result: OutcomeEntry, source: SourceEntry) -> Text | None:
    """Where it misses the aim: which of the other files reaches it, or how far the best of them comes."""
    comparison = result.comparison
    if comparison is None or comparison.light == "keeps" or comparison.agreement is None or not result.variants:
        return None
    keeping = [one for one in result.variants if one.comparison.light == "keeps"]
    if keeping:
        smallest = min(keeping, key=lambda one: one.size_bytes)
        agreement = smallest.comparison.agreement
        return say(
            "The aim takes {size}, {part} of the original: that file keeps {share}. You can take it further below.",
            size=number_format.size(smallest.size_bytes),
            part=number_format.part(source.share(smallest.size_bytes)),
            share=number_format.NOTHING if agreement is None else percent(agreement.value),
        )
    kept = [one.comparison.agreement.value for one in result.variants if one.comparison.agreement is not None]
    return say("The best of the files that were made keeps {share}.", share=percent(max(kept))) if kept else None


def on_arm(result: OutcomeEntry) -> Text | None:
    """What came of it on an emulated ARM processor; None where it was not tried."""
    return None if result.arm is None else say("On ARM: {verdict}", verdict=result.arm.words)
