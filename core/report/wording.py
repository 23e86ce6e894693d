"""The figures of a report in the words of its task, for the pages and the command line."""

from __future__ import annotations

from collections.abc import Mapping

from core.common.percent import percent
from core.common.text import Text, say
from core.job.comparison import Agreement, AgreementName, LayerPrecision, Light, TruthFigure, TruthName
from core.preprocessing import Color, Fit
from core.report.schema import ArmStatus, ComparisonEntry, OutcomeEntry, Report

AGREEMENT_TITLES: Mapping[AgreementName, Text] = {
    "top-1": say("Same answers"),
    "same-labels": say("Same labels"),
    "box-f1": say("Same objects"),
    "mask-f1": say("Same outlines"),
    "pose-f1": say("Same poses"),
    "oks": say("Same points"),
    "mask-iou": say("Overlap"),
    "same-text": say("Same text"),
    "neighbours": say("Same neighbours"),
    "ssim": say("Same picture"),
    "same-decisions": say("Same decisions"),
}

AGREEMENT_HELP: Mapping[AgreementName, Text] = {
    "top-1": say("On how many of the test pictures its first answer is the same as the original's (top-1 agreement)."),
    "same-labels": say("How many of the original's labels it gives too, and how few others it adds (F1)."),
    "box-f1": say(
        "How many of the original's objects it finds too, and how few others it adds: same class, and boxes that "
        "overlap by half or more (F1 at IoU 0.5)."
    ),
    "mask-f1": say(
        "How many of the original's objects it finds too, and how few others it adds: same class, and outlines that "
        "overlap by half or more (F1 at mask IoU 0.5)."
    ),
    "pose-f1": say(
        "How many of the original's poses it finds too, and how few others it adds: joints close enough (F1 at OKS "
        "0.5)."
    ),
    "oks": say("How close its points are to the original's; 100% is exactly there (object keypoint similarity)."),
    "mask-iou": say("How far the areas of each class overlap with the original's (mean IoU)."),
    "same-text": say("On how many of the test pictures it reads exactly the text that the original reads."),
    "neighbours": say("For how many of the test examples the most similar other one is the same as the original's."),
    "ssim": say("How similar its pictures are to the original's (structural similarity, SSIM)."),
    "same-decisions": say("How many of its decisions, yes or no, are the original's."),
}

TRUTH_TITLES: Mapping[TruthName, Text] = {
    "top-1": say("Right answers"),
    "top-5": say("Right among the first five"),
    "label-f1": say("Right labels (F1)"),
    "map-50-95": say("Right objects (mAP)"),
    "map-50": say("Right objects (mAP at IoU 0.5)"),
    "mask-map-50-95": say("Right outlines (mask mAP)"),
    "mask-map-50": say("Right outlines (mask mAP at IoU 0.5)"),
    "oks-ap": say("Right poses (AP by OKS)"),
    "oks-ap-50": say("Right poses (AP at OKS 0.5)"),
    "oks": say("Right points (OKS)"),
    "miou": say("Right areas (mIoU)"),
    "words": say("Right words"),
    "characters": say("Right letters"),
}

TRUTH_HELP = say("Measured against the labels that came with the test pictures.")

SIMILARITY_TITLE = say("Similarity of numbers")
SIMILARITY_HELP = say(
    "How similar the outputs are to the original's as plain numbers (cosine similarity, worst output). 1 means exactly "
    "the same direction. It is not accuracy: what it means for the answers depends on the model."
)


PRECISIONS: Mapping[LayerPrecision, Text] = {
    "8 bit": say("8 bit"),
    "8 bit weights": say("8 bit, computed in 32"),
    "16 bit": say("16 bit"),
    "float": say("32 bit"),
}

FITS: Mapping[Fit, Text] = {
    "crop": say("Cut off the border"),
    "stretch": say("Stretch to fit"),
    "pad": say("Add a grey border"),
    "pad-corner": say("Grey border right and below"),
}
"""What is done with pictures of another shape than the model's input."""

COLORS: Mapping[Color, Text] = {
    "rgb": say("Red, green, blue (usual)"),
    "bgr": say("Blue, green, red (OpenCV)"),
    "gray": say("Grey"),
}

STATE_LETTERS: Mapping[str, str] = {"keeps": "✓", "look": "△", "failed": "✕", "refused": "–"}
"""Where there are only letters, before the word of a state; they say the same as its colour."""


def state(outcome: OutcomeEntry) -> str:
    """A key of :data:`STATE_LETTERS`."""
    if outcome.status == "refused":
        return "refused"
    if outcome.comparison is None or outcome.status == "failed":
        return "failed"
    # A report of an earlier version has no verdicts.
    return outcome.comparison.light if outcome.comparison.words.template else "keeps"


def state_word(outcome: OutcomeEntry) -> Text:
    """The state of a target in two or three words."""
    if outcome.status == "refused":
        return say("not possible")
    if outcome.comparison is None or outcome.status == "failed":
        return say("failed")
    return light_word(outcome.comparison) if outcome.comparison.words.template else say("ready")


def light_word(comparison: ComparisonEntry) -> Text:
    """The verdict in two or three words."""
    if comparison.light == "keeps":
        return say("keeps the answers") if comparison.agreement is not None else say("keeps the numbers")
    return _LIGHTS[comparison.light]


ARM_TITLE = say("On ARM")
ARM_HELP = say(
    "Whether the file is as good on an emulated ARM processor as on this computer, on some of the test pictures. How "
    "fast it is there, the emulator cannot tell."
)
ARM_STATES: Mapping[ArmStatus, str] = {"right": "keeps", "wrong": "failed", "unknown": "refused"}
"""Keys of :data:`STATE_LETTERS`."""

ARM_WORDS: Mapping[ArmStatus, Text] = {"right": say("right"), "wrong": say("wrong"), "unknown": say("not tried")}


_LIGHTS: Mapping[Light, Text] = {"look": say("take a look"), "failed": say("failed")}


def is_tried_on_arm(report: Report) -> bool:
    """Whether any of its files was tried on an emulated ARM processor."""
    return any(outcome.arm is not None for outcome in report.outcomes)


def arm_word(outcome: OutcomeEntry) -> Text | None:
    """What came of a file on ARM in a word; None where it was not tried."""
    return None if outcome.arm is None else ARM_WORDS[outcome.arm.status]


def agreement_metric(report: Report) -> AgreementName | None:
    """What the agreement of the job's files counts; None where none was measured."""
    comparisons = (outcome.comparison for outcome in report.converted)
    return next((found.agreement.metric for found in comparisons if found is not None and found.agreement), None)


def truth_of(figures: tuple[TruthFigure, ...], metric: TruthName) -> TruthFigure | None:
    """The figure of a metric, if it was measured."""
    return next((figure for figure in figures if figure.metric == metric), None)


def with_interval(agreement: Agreement) -> Text:
    """An agreement with its 95% confidence interval."""
    if agreement.low == agreement.high:
        return Text(percent(agreement.value))
    low, high = (percent(share).removesuffix("%") for share in (agreement.low, agreement.high))
    return say("{value} ({low} to {high})", value=percent(agreement.value), low=low, high=high)


def difference(figure: TruthFigure) -> Text | None:
    """By how much a file is better or worse than the original; None for the original itself."""
    if figure.difference is None:
        return None
    by = points(figure.difference)
    if figure.low is None or figure.high is None:
        return say("{by} points", by=by) if by != "0" else say("no difference")
    interval = {"low": points(figure.low), "high": points(figure.high)}
    if by == interval["low"] == interval["high"] == "0":
        return say("no difference")
    # As it is read: an end that is rounded to 0 counts as 0.
    if round(100 * figure.low, 1) <= 0 <= round(100 * figure.high, 1):
        return say("{by} points ({low} to {high}): may be chance", by=by, **interval)
    return say("{by} points ({low} to {high})", by=by, **interval)


def short_difference(figure: TruthFigure) -> Text:
    """:func:`difference` for a column with a heading: numbers only."""
    by = "" if figure.difference is None else points(figure.difference)
    if figure.low is None or figure.high is None:
        return Text(by)
    return say("{value} ({low} to {high})", value=by, low=points(figure.low), high=points(figure.high))


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}" if rounded else "0"
