"""The answer: which file to take, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass

from core.common.percent import percent
from core.common.text import Text, say
from core.html_report.finished_job import FinishedJob
from core.html_report.parts import Fact, Tell
from core.report import explanations
from core.report.recommendation import recommend
from core.targets import target_by_id


@dataclass(frozen=True)
class Answer:
    """What the report begins with."""

    tone: str
    """A key of :data:`core.report.wording.STATE_LETTERS`."""

    sentence: str
    device_sentence: str
    """Empty where there is no other file for phones and small boards."""

    caution: str
    """Empty where there were test samples enough."""

    basis: str
    """On what the files were compared, and what was aimed at."""

    others: tuple[Fact, ...]
    """Each other target, and why not it."""


_TONES = {"keeps": "keeps", "closest": "look", "unmeasured": "look", "none": "failed"}


def answer(finished: FinishedJob, tell: Tell) -> Answer:
    """The answer of a job's report."""
    found = recommend(finished.report)
    return Answer(
        tone=_TONES[found.confidence],
        sentence=tell(found.sentence),
        device_sentence="" if found.device_sentence is None else tell(found.device_sentence),
        caution="" if found.caution is None else tell(found.caution),
        basis=tell(basis(finished)),
        others=tuple(Fact(tell(target_by_id(other.target).title), tell(other.clause)) for other in found.others),
    )


def basis(finished: FinishedJob) -> Text:
    """On what the files were compared, and the aim."""
    samples, budget = compared_on(finished), finished.report.task.budget
    if budget is None or not finished.report.images.test:
        return say("Compared on {samples}.", samples=samples)
    return say(
        "Compared on {samples}. The aim: {aim} of the original's answers stay.",
        samples=samples,
        aim=percent(budget.keeps),
    )


def compared_on(finished: FinishedJob) -> Text:
    """The test samples in words."""
    return explanations.compared_on(finished.report.images.test, takes_image=finished.job.takes_image)
