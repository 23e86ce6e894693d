"""The verdict on a file: keeps the source's answers, has to be looked at, or is of no use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.common.errors import VerificationError
from core.common.percent import percent
from core.common.text import Text, plural, say
from core.job.comparison import LEAST_SQNR_DB, Agreement, AgreementName, Light, OutputDifference
from core.tasks.base import Budget

_KEPT_COSINE = 0.999
"""Without a task: cosine similarity from which numbers count as kept. It says nothing about accuracy."""

ORDER_FREE: frozenset[AgreementName] = frozenset({"box-f1", "mask-f1", "pose-f1"})
"""Agreements of objects, whose rows may change places: numbers compared by position say nothing there."""

_FOUND: Mapping[AgreementName, Text] = {
    "top-1": say("the same class on {percent}% of the pictures ({low} to {high}%)"),
    "same-labels": say("{percent}% of the labels the same ({low} to {high}%)"),
    "box-f1": say("{percent}% of the objects the same ({low} to {high}%)"),
    "mask-f1": say("{percent}% of the objects with the same outline ({low} to {high}%)"),
    "pose-f1": say("{percent}% of the poses the same ({low} to {high}%)"),
    "oks": say("points {percent}% as close as can be ({low} to {high}%)"),
    "mask-iou": say("areas that overlap by {percent}% ({low} to {high}%)"),
    "same-text": say("the same text on {percent}% of the pictures ({low} to {high}%)"),
    "neighbours": say("the same nearest neighbour for {percent}% of the examples ({low} to {high}%)"),
    "ssim": say("pictures alike by {percent}% ({low} to {high}%)"),
    "same-decisions": say("the same decision in {percent}% of the cases ({low} to {high}%)"),
}
"""What a file has in common with the source, for people."""


def found(agreement: Agreement) -> Text:
    """An agreement as a part of a sentence."""
    return Text(
        _FOUND[agreement.metric].template,
        {
            name: percent(share).removesuffix("%")
            for name, share in (("percent", agreement.value), ("low", agreement.low), ("high", agreement.high))
        },
    )


def judge(
    agreement: Agreement | None,
    outputs: Sequence[OutputDifference],
    *,
    budget: Budget,
    least_cosine: float,
    read: Collection[str],
    measured: bool,
    decodes: bool,
) -> tuple[Light, Text]:
    """The verdict: in the terms of the task where it found something, else by the numbers.

    Args:
        agreement: with the source's predictions, if anything was decoded.
        outputs: differences of all outputs.
        budget: of the task.
        least_cosine: where numbers decide.
        read: outputs that the task decodes and whose numbers can be compared by their places.
        measured: whether there were test samples of the person's.
        decodes: whether a task decodes the outputs.
    """
    # Random inputs show nothing that a task could find; only of objects the order of the rows must not count.
    if agreement is not None and (measured or agreement.metric in ORDER_FREE):
        return judge_lost_outputs(*judge_agreement(agreement, budget), outputs, read)
    return judge_numbers(outputs, least_cosine, measured=measured, decodes=decodes)


def judge_agreement(agreement: Agreement, budget: Budget) -> tuple[Light, Text]:
    """The verdict in the terms of the task.

    A file fails only where even the upper end of the interval is below the floor, so that one picture of three cannot
    condemn it.
    """
    same, aim = found(agreement), percent(budget.keeps)
    if agreement.high < budget.floor:
        return "failed", say("It gives too few of the original's answers: {same}.", same=same)
    if agreement.value >= budget.keeps:
        return "keeps", say("Keeps the original's answers: {same}.", same=same)
    if agreement.high >= budget.keeps:
        return "look", plural(
            "Look at what changed: {same}. The aim was {aim}; one picture is too few to tell whether that is chance.",
            "Look at what changed: {same}. The aim was {aim}; {count} pictures are too few to tell whether that is "
            "chance.",
            count=agreement.samples,
            same=same,
            aim=aim,
        )
    return "look", say("Look at what changed: {same}. The aim was {aim}.", same=same, aim=aim)


def judge_lost_outputs(
    light: Light, verdict: Text, outputs: Sequence[OutputDifference], read: Collection[str]
) -> tuple[Light, Text]:
    """The verdict in the terms of the task, unless it left the matter open and an output is lost.

    Args:
        light: from the agreement.
        verdict: likewise.
        outputs: differences of all outputs.
        read: outputs that the task decodes.
    """
    lost = [one for one in outputs if one.name in read and one.is_lost and not one.shows_nothing]
    return (light, verdict) if light != "look" or not lost else ("failed", _lost(lost[0]))


def _lost(output: OutputDifference) -> Text:
    return say(
        'The error of the output "{name}" is about as large as its values: {sqnr} dB of signal to noise, and at least '
        "{least} are needed.",
        name=output.name,
        sqnr=f"{output.sqnr_db:.1f}",
        least=f"{LEAST_SQNR_DB:g}",
    )


def judge_numbers(
    outputs: Sequence[OutputDifference], least_cosine: float, *, measured: bool, decodes: bool
) -> tuple[Light, Text]:
    """The verdict where nothing was decoded: outputs as plain numbers.

    Args:
        outputs: differences of all outputs.
        least_cosine: below, the file failed.
        measured: whether there were test samples of the person's.
        decodes: whether a task decodes the outputs; then it found nothing that could be compared.
    """
    if not all(output.is_within(least_cosine) for output in outputs):
        return "failed", say(
            "The result differs too much from the original: its similarity is {cosine} of 1, and at least {least} is "
            "needed.",
            cosine=f"{min(output.worst.cosine for output in outputs):.3f}",
            least=least_cosine,
        )
    # A task that reads scores finds nothing where all of them are low, and then their differences mean nothing.
    lost = [one for one in outputs if one.is_lost and not (decodes and one.shows_nothing)]
    lost += [one.scores for one in outputs if one.scores is not None and one.scores.is_lost]
    if lost:
        return "failed", _lost(lost[0])
    if not measured:
        return "look", say("Only tried on random inputs: how well it keeps the answers was not measured.")
    if decodes:
        return "look", say(
            "The original finds nothing on these test pictures, so answers cannot be compared: choose others."
        )
    if all(output.is_within(_KEPT_COSINE) for output in outputs):
        return "keeps", say("Its numbers are practically the original's.")
    return "look", say(
        "Its numbers resemble the original's. What that means for the answers was not measured: try it out."
    )


def failure(reason: Text, outputs: Sequence[OutputDifference]) -> VerificationError:
    """The error of a file whose light is ``failed``."""
    return VerificationError(
        reason,
        next_step=say(
            "Use a target that keeps more bits, such as 16 bit; check that size, mean and std fit the model."
        ),
        detail="\n".join(f"{output.name}: {output.worst.cosine:.5f}, {output.worst.largest:.3g}" for output in outputs),
    )
