"""Which file to take, and in a clause each why not the others: the answer that a report begins with.

The rules, in this order:

1. Files whose light is ``keeps`` come first. ONNX files are for computers such as this one, ncnn files for phones and
   small boards, so one of each may be recommended.
2. Among the ONNX files that one is taken whose share of the original's size times its share of the original's time is
   lowest: half as large counts as much as twice as fast. Times of less than 5% apart count as the same.
3. Among the ncnn files the smallest one, since their speed on this computer says little about that of a phone; none
   that was wrong on an emulated ARM processor.
4. Where no file keeps the answers, the one that comes closest to the aim is named, with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.common.number_format import part, similarity, times
from core.common.percent import percent
from core.common.text import Text, plural, say
from core.evaluation.verdict import found
from core.job.comparison import Agreement
from core.job.target_id import TargetId
from core.report.schema import ComparisonEntry, OutcomeEntry, Report
from core.targets import target_by_id
from core.targets.ncnn_target import NCNN

_SAME_SPEED = 0.05
"""Up to this relative difference two times count as the same: so far apart are measurements of one file."""

_WIDE = 0.1
"""Width of a 95% confidence interval from which it is said that there were few test samples."""

Confidence: TypeAlias = Literal["keeps", "closest", "unmeasured", "none"]
"""The file keeps the answers; it is the closest of those that do not; nothing was measured; there is no file."""


@dataclass(frozen=True)
class WhyNot:
    """Why another target is not the one to take."""

    target: TargetId
    clause: Text
    """A half sentence, or the sentences of a refusal."""


@dataclass(frozen=True)
class Recommendation:
    """The answer."""

    confidence: Confidence
    target: TargetId | None
    """The file to take on this computer, or on the devices that it is made for where the job made no other; None where
    no file was made."""

    sentence: Text
    """What to take, and what it is worth: size, speed here, and what it keeps with the 95% interval."""

    caution: Text | None = None
    """Where so few test samples were there that the share of the answers is hardly known."""

    device_target: TargetId | None = None
    """The file for a phone or a small board, where it is another one."""

    device_sentence: Text | None = None
    others: tuple[WhyNot, ...] = ()
    """All other targets of the job, in their order."""


def recommend(report: Report) -> Recommendation:
    """The file of a job to take."""
    made = [outcome for outcome in report.converted if outcome.comparison is not None]
    keeping = [outcome for outcome in made if _light(outcome) == "keeps"]
    device = _smallest([outcome for outcome in keeping if _is_for_devices(outcome) and not _is_wrong_on_arm(outcome)])
    here = _best_combination([outcome for outcome in keeping if not _is_for_devices(outcome)], report)
    if here is not None:
        return _with_others(report, here, device, "keeps", _take(here, report))
    if device is not None:
        return _with_others(report, device, None, "keeps", _take_for_devices(device, report))
    closest = _closest(keeping or made, report)
    if closest is None:
        nothing = say("No file was made, so there is none to take.")
        return Recommendation("none", None, nothing, others=_others(report, None, None))
    if keeping or _is_measured(report):
        return _with_others(report, closest, None, "closest", _take_with_care(closest, report))
    return _with_others(report, closest, None, "unmeasured", _take_unmeasured(closest, report))


def figures(outcome: OutcomeEntry, report: Report) -> Text:
    """Size, speed on this computer and what it keeps, as a part of a sentence; for a file that was compared."""
    size, speed = size_words(outcome, report), speed_words(outcome, report)
    kept = kept_words(outcome.comparison)
    if speed is None:
        return say("{size}, {kept}", size=size, kept=kept)
    return say("{size}, {speed}, {kept}", size=size, speed=speed, kept=kept)


def size_words(outcome: OutcomeEntry, report: Report) -> Text:
    """The size of a file as a part of a sentence."""
    return say("{part} of the size", part=part(outcome.size_share(report.source)))


def speed_words(outcome: OutcomeEntry, report: Report) -> Text | None:
    """Its speed with one thread as a part of a sentence; None where it was not measured."""
    ratio = outcome.speed_up(report.source)
    if ratio is None:
        return None
    if abs(ratio - 1) <= _SAME_SPEED:
        return say("as fast as the original here (one core)")
    if ratio > 1:
        return say("{times} as fast here (one core)", times=times(ratio))
    return say("slower here ({times} the speed, one core)", times=times(ratio))


def kept_words(comparison: ComparisonEntry | None) -> Text:
    """What a file keeps of the original, as a part of a sentence."""
    if comparison is None:
        return say("not compared")
    agreement = _agreement(comparison)
    if agreement is not None:
        return found(agreement)
    if comparison.light == "keeps":
        return say("practically the same numbers")
    return say("similarity of numbers {value}", value=similarity(comparison.cosine))


def _take(outcome: OutcomeEntry, report: Report) -> Text:
    return say(
        "For a PC or a server take {target}: {figures}.", target=_title(outcome), figures=figures(outcome, report)
    )


def _take_for_devices(outcome: OutcomeEntry, report: Report) -> Text:
    return say(
        "For a phone or a small board take {target}: {figures}.",
        target=_title(outcome),
        figures=figures(outcome, report),
    )


def _take_with_care(outcome: OutcomeEntry, report: Report) -> Text:
    values = {"target": _title(outcome), "figures": figures(outcome, report)}
    if _light(outcome) == "keeps":
        return say(
            "{target} keeps the answers on this computer ({figures}), but is wrong on an emulated ARM processor. Do "
            "not use it on a phone or a small board before you have tried it there.",
            **values,
        )
    budget = report.task.budget
    if budget is None or _agreement(outcome.comparison) is None:
        return say(
            "No file is known to keep the original's answers. The closest is {target}: {figures}. Try it out first.",
            **values,
        )
    return say(
        "No file reaches the aim of {aim}. The closest is {target}: {figures}. Look at what changed first.",
        aim=percent(budget.keeps),
        **values,
    )


def _take_unmeasured(outcome: OutcomeEntry, report: Report) -> Text:
    return say(
        "How well the files keep the answers was not measured, for there were no test pictures or examples. The "
        "closest by its numbers is {target}: {figures}. Convert again with some of your own before you rely on it.",
        target=_title(outcome),
        figures=figures(outcome, report),
    )


def _with_others(
    report: Report, chosen: OutcomeEntry, device: OutcomeEntry | None, confidence: Confidence, sentence: Text
) -> Recommendation:
    return Recommendation(
        confidence,
        chosen.target,
        sentence,
        _caution(chosen),
        None if device is None else device.target,
        None if device is None else _take_for_devices(device, report),
        _others(report, chosen, device),
    )


def _caution(chosen: OutcomeEntry) -> Text | None:
    agreement = _agreement(chosen.comparison)
    if agreement is None or agreement.high - agreement.low <= _WIDE:
        return None
    return plural(
        "One test sample is too few to be sure: the share may be as low as {low}. Compare on more before you rely on "
        "it.",
        "{count} test samples are too few to be sure: the share may be as low as {low}. Compare on more before you "
        "rely on it.",
        count=agreement.samples,
        low=percent(agreement.low),
    )


def _others(report: Report, chosen: OutcomeEntry | None, device: OutcomeEntry | None) -> tuple[WhyNot, ...]:
    taken = {outcome.target for outcome in (chosen, device) if outcome is not None}
    return tuple(
        WhyNot(outcome.target, _why_not(outcome, chosen, device, report))
        for outcome in report.outcomes
        if outcome.target not in taken
    )


def _why_not(outcome: OutcomeEntry, chosen: OutcomeEntry | None, device: OutcomeEntry | None, report: Report) -> Text:
    if outcome.status == "refused":
        return say("not possible. {reason}", reason=outcome.words.reason or Text(""))
    if outcome.comparison is None or outcome.status == "failed" or chosen is None:
        return say("failed. {reason}", reason=outcome.words.reason or Text(""))
    if _light(outcome) != "keeps":
        return _keeps_less(outcome, chosen, report)
    if _is_for_devices(outcome):
        return _why_not_for_devices(outcome, device or chosen, report)
    return say("keeps them too, but {difference}", difference=_difference(outcome, chosen, report))


def _keeps_less(outcome: OutcomeEntry, chosen: OutcomeEntry, report: Report) -> Text:
    budget, comparison = report.task.budget, outcome.comparison
    kept = kept_words(comparison)
    if _light(chosen) != "keeps" and _distance(outcome) == _distance(chosen):
        return say("as close, but {difference}", difference=_difference(outcome, chosen, report))
    if _light(chosen) != "keeps" or budget is None or _agreement(comparison) is None:
        return say("not closer: {kept}", kept=kept)
    aim = percent(budget.keeps)
    reaching = [variant for variant in outcome.variants if variant.comparison.light == "keeps"]
    if not reaching:
        return say("misses the aim of {aim}: {kept}", aim=aim, kept=kept)
    smallest = min(reaching, key=lambda variant: variant.size_bytes)
    return say(
        "misses the aim of {aim}: {kept}; another file of it reaches it at {part} of the size, see “More files to "
        "choose from”",
        aim=aim,
        kept=kept,
        part=part(report.source.share(smallest.size_bytes)),
    )


def _why_not_for_devices(outcome: OutcomeEntry, taken: OutcomeEntry, report: Report) -> Text:
    if _is_wrong_on_arm(outcome):
        return say("keeps them here, but is wrong on an emulated ARM processor")
    if not _is_for_devices(taken):
        return say("for phones and small boards")
    size, other = size_words(outcome, report), part(taken.size_share(report.source))
    return say("keeps them too, but is larger: {size} instead of {other}", size=size, other=other)


def _difference(outcome: OutcomeEntry, chosen: OutcomeEntry, report: Report) -> Text:
    """What makes another file that keeps the answers the worse choice: its size, its time, or both together."""
    size, speed = size_words(outcome, report), speed_words(outcome, report)
    is_larger = (outcome.size_bytes or 0) > (chosen.size_bytes or 0)
    by = _time_share(outcome, report) / _time_share(chosen, report)
    if speed is None or abs(by - 1) <= _SAME_SPEED:
        return say("is larger: {size}", size=size) if is_larger else say("is no better: {size}", size=size)
    if by > 1:
        if is_larger:
            return say("is larger and slower: {size}, {speed}", size=size, speed=speed)
        return say("is slower for its size: {size}, {speed}", size=size, speed=speed)
    return say("is larger for its speed: {size}, {speed}", size=size, speed=speed)


def _best_combination(outcomes: Sequence[OutcomeEntry], report: Report) -> OutcomeEntry | None:
    """The lowest product of size and time, each as a share of the original's; the first of equals."""
    return min(outcomes, key=lambda one: _size_share(one, report) * _time_share(one, report), default=None)


def _smallest(outcomes: Sequence[OutcomeEntry]) -> OutcomeEntry | None:
    return min(outcomes, key=lambda one: one.size_bytes or 0, default=None)


def _closest(outcomes: Sequence[OutcomeEntry], report: Report) -> OutcomeEntry | None:
    """By the answers that it keeps, then by its numbers; of equals the best combination."""

    def rank(outcome: OutcomeEntry) -> tuple[float, float, float]:
        return (*_distance(outcome), _size_share(outcome, report) * _time_share(outcome, report))

    return min(outcomes, key=rank, default=None)


def _distance(outcome: OutcomeEntry) -> tuple[float, float]:
    """From the original: the lower, the closer. As it is read, so that no digit decides that nobody sees."""
    comparison, agreement = outcome.comparison, _agreement(outcome.comparison)
    if agreement is not None:
        return -round(agreement.value, 3), 0.0
    return 0.0, 0.0 if comparison is None else -round(comparison.cosine, 4)


def _agreement(comparison: ComparisonEntry | None) -> Agreement | None:
    """What the file keeps, if that was measured; random inputs show nothing that a task could find."""
    if comparison is None or not (comparison.images or comparison.light == "keeps"):
        return None
    return comparison.agreement


def _size_share(outcome: OutcomeEntry, report: Report) -> float:
    return outcome.size_share(report.source) or 1.0


def _time_share(outcome: OutcomeEntry, report: Report) -> float:
    """1 where it was not measured, and where the difference is within what measurements differ by."""
    ratio = outcome.speed_up(report.source)
    return 1.0 if not ratio or abs(ratio - 1) <= _SAME_SPEED else 1 / ratio


def _is_measured(report: Report) -> bool:
    """Whether the answers were compared on samples of the person's."""
    return any(outcome.comparison is not None and outcome.comparison.images for outcome in report.converted)


def _is_for_devices(outcome: OutcomeEntry) -> bool:
    return target_by_id(outcome.target).format == NCNN


def _is_wrong_on_arm(outcome: OutcomeEntry) -> bool:
    return outcome.arm is not None and outcome.arm.status == "wrong"


def _light(outcome: OutcomeEntry) -> str | None:
    return None if outcome.comparison is None else outcome.comparison.light


def _title(outcome: OutcomeEntry) -> Text:
    return target_by_id(outcome.target).title
