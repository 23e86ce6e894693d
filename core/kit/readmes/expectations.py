"""The chapter on what to expect: size, answers, time."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from core.common.percent import percent
from core.common.processor import processor_name
from core.common.text import Text, say
from core.job.comparison import Latency
from core.kit.markdown import code
from core.kit.readmes.document import Facts, Lines, escaped, item
from core.report.schema import ComparisonEntry
from core.report.wording import AGREEMENT_TITLES, TRUTH_TITLES, difference, with_interval


def expectations(facts: Facts) -> Lines:
    """A list; what was not measured is left out."""
    outcome, source = facts.outcome, facts.report.source
    share = outcome.size_share(source)
    size = _size(outcome.size_bytes or 0)
    yield item(
        say("Size: {size}.", size=size)
        if share is None
        else say("Size: {size}, {share} of the original.", size=size, share=f"{share:.0%}")
    )
    comparison = outcome.comparison
    if comparison is None:
        return
    yield from map(item, _answers(comparison, facts))
    if comparison.latency_ms is not None:
        yield item(_time(comparison.latency_ms))
        yield item(say("Another processor takes another time: measure on your device."))
    if outcome.arm is not None:
        yield item(say("On an emulated ARM processor: {verdict}", verdict=escaped(outcome.arm.words)))


def _answers(comparison: ComparisonEntry, facts: Facts) -> Iterator[Text]:
    agreement = comparison.agreement
    if agreement is not None:
        yield say(
            "{what}: {value} of the original's, on {count} test examples (in brackets the 95% interval).",
            what=AGREEMENT_TITLES[agreement.metric],
            value=with_interval(agreement),
            count=agreement.samples,
        )
    else:
        yield say(
            "Similarity of its numbers with the original's (cosine): {value}. That is not accuracy.",
            value=f"{comparison.cosine:.5f}",
        )
    for figure in comparison.truth:
        by = difference(figure)
        title, value = TRUTH_TITLES[figure.metric], percent(figure.value)
        if by is None:
            yield say("{title}: {own}.", title=title, own=value)
        else:
            yield say("{title}: {own}; against the original: {difference}.", title=title, own=value, difference=by)
    if not comparison.images:
        yield say("There were no test pictures: it was compared on random inputs only.")
    elif facts.task.name == "tensors":
        yield say("What the outputs mean is not known, so numbers were compared, not answers.")


def _time(latency: Latency) -> Text:
    return say(
        "Time of one run: {one} ms on one core, {all} ms on {threads}, of this processor: {processor}.",
        one=f"{latency.median_one_thread:.1f}",
        all=f"{latency.median_all_threads:.1f}",
        threads=latency.threads,
        processor=code(processor_name() or platform.machine()),
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e4 else f"{count / 1e3:.1f} kB"
