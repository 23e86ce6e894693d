"""The measured difference between a converted file and the source: outputs, accuracy, latency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from core.common.text import Text

_SQNR_TOLERANCE_DB = 3.0
"""By how much the SQNR may fall short of the one that follows from the required cosine: twice the noise power."""

_SQNR_FROM_COSINE = 0.99
"""Required cosine from which the SQNR is required too. 8-bit outputs, which need less, may shrink a little."""

LEAST_SQNR_DB = 3.0
"""Below, an output is lost, whatever its cosine, which is blind to a wrong scale: the error is about as large as the
answers."""

NEGLIGIBLE_DIFFERENCE = 1e-5
"""Absolute differences up to here are within the rounding of 32-bit arithmetic."""


@dataclass(frozen=True)
class OutputDifference:
    """Difference of one output from the source's, over all test samples."""

    name: str
    cosine: float
    """Cosine similarity of all values together; 1 is the same direction."""

    sqnr_db: float
    """Signal to quantisation noise ratio in dB, 10 log10(sum source^2 / sum difference^2); higher is better."""

    largest: float
    """Maximum absolute difference, in the output's own unit."""

    scores: OutputDifference | None = None
    """Of a detector's columns of scores (0 to 1) alone: coordinates in pixels would outweigh them."""

    shows_nothing: bool = False
    """Whether the source's values are scores so low that nothing is detected: then their differences mean nothing."""

    @property
    def is_lost(self) -> bool:
        """Whether the error has more than half the power of the output itself, whatever their directions."""
        return self.sqnr_db < LEAST_SQNR_DB and not self.largest <= NEGLIGIBLE_DIFFERENCE

    @property
    def worst(self) -> OutputDifference:
        """Itself or its scores, whichever has the lower cosine."""
        return self if self.scores is None or self.scores.cosine > self.cosine else self.scores

    def is_within(self, least_cosine: float) -> bool:
        """Whether it is close enough.

        A cosine is blind to a wrong scale, so from a required 0.99 on the SQNR must fit it too: a pure change of
        direction by cosine c has an SQNR of 10 log10(c^2 / (1 - c^2)). Where the source's outputs are nearly
        zero, both metrics measure rounding errors only, and the absolute difference decides.
        """
        if self.scores is not None and not self.scores.is_within(least_cosine):
            return False
        if self.largest <= NEGLIGIBLE_DIFFERENCE:
            return True
        if not math.isfinite(self.largest):
            return False
        if least_cosine < _SQNR_FROM_COSINE:
            return self.cosine >= least_cosine
        expected = 10 * math.log10(least_cosine**2 / (1 - least_cosine**2))
        return self.cosine >= least_cosine and self.sqnr_db >= expected - _SQNR_TOLERANCE_DB


@dataclass(frozen=True)
class Latency:
    """Time of one run on this computer, in milliseconds: median and 95th percentile."""

    median_one_thread: float
    p95_one_thread: float
    median_all_threads: float
    p95_all_threads: float
    threads: int
    """How many threads "all" is."""


AgreementName: TypeAlias = Literal[
    "top-1",  # same best class
    "same-labels",  # multi-label: F1 of the labels
    "box-f1",  # F1 of boxes of the same class at IoU 0.5
    "mask-f1",  # F1 of instance masks of the same class at IoU 0.5
    "pose-f1",  # F1 of poses at OKS 0.5
    "oks",  # mean object keypoint similarity
    "mask-iou",  # mean IoU of the classes
    "same-text",
    "neighbours",  # same nearest neighbour
    "ssim",  # structural similarity
    "same-decisions",  # same side of the threshold
]
"""What an agreement counts."""

TruthName: TypeAlias = Literal[
    "top-1",
    "top-5",
    "label-f1",  # multi-label: F1 of the labels of an image, averaged over the images
    "map-50-95",
    "map-50",
    "mask-map-50-95",
    "mask-map-50",
    "oks-ap",
    "oks-ap-50",
    "oks",  # mean object keypoint similarity of single persons
    "miou",
    "words",
    "characters",
]
"""What is measured against labels; words and characters: the share that is right."""

Light: TypeAlias = Literal["keeps", "look", "failed"]
"""Within the budget; outside it; below the floor, so that the file is not handed out."""


LayerPrecision: TypeAlias = Literal["8 bit", "8 bit weights", "16 bit", "float"]
"""In which a layer computes; or its weights are stored in 8 or 16 bit, and it computes in float."""


@dataclass(frozen=True)
class LayerDifference:
    """The error of one layer's output against the source's, over a few test samples."""

    name: str
    """Name of the layer in the source."""

    operator: str
    """Its operator in the source."""

    precision: LayerPrecision
    sqnr_db: float
    """Signal to quantisation noise ratio; infinite where there is no difference."""

    cosine: float
    weights: int = 0
    """Number of its weights."""

    share: float | None = None
    """Of the noise that all layers cause, each one alone in 8 bit; None where that was not measured."""


@dataclass(frozen=True)
class Agreement:
    """How far a file gives the source's predictions on the same test samples; needs no labels."""

    metric: AgreementName
    value: float
    """0 to 1."""

    low: float
    """Lower end of the 95% confidence interval."""

    high: float
    samples: int
    """Test samples on which it was measured."""

    counted: int
    """How many things the source found on them: objects, characters, points; the samples themselves for others."""

    details: Mapping[str, float] = field(default_factory=dict)
    """Further figures of the task by name, such as ``mean_iou`` and ``score_drift``."""


@dataclass(frozen=True)
class TruthFigure:
    """One figure of a model against the labels."""

    metric: TruthName
    value: float
    """0 to 1."""

    samples: int
    """Labelled test samples on which it was measured."""

    difference: float | None = None
    """Value minus the source's; None for the source itself."""

    low: float | None = None
    """Lower end of the 95% confidence interval of the difference, from paired samples."""

    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured of one artifact against the source."""

    images: int
    """How many test samples were used; 0 where synthetic samples took their place."""

    outputs: tuple[OutputDifference, ...]
    agreement: Agreement | None = None
    """In the terms of the task; None where the task decodes nothing, or the source found nothing."""

    truth: tuple[TruthFigure, ...] = ()
    """Against the labels, the most important figure first; empty without labels."""

    layers: tuple[LayerDifference, ...] = ()
    """Of 8-bit and 16-bit files, in the order of the graph."""

    light: Light = "look"
    verdict: Text = field(default_factory=lambda: Text(""))
    """The light in a sentence."""

    latency: Latency | None = None

    @property
    def cosine(self) -> float:
        """Of the output that differs most."""
        return min(output.worst.cosine for output in self.outputs)

    @property
    def sqnr_db(self) -> float:
        """Of the output that differs most, in dB."""
        return min(output.worst.sqnr_db for output in self.outputs)
