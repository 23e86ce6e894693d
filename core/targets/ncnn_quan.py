"""ncnn in 8 bit, with ranges measured on the person's pictures and no compiler anywhere."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from core.calibration.ncnn import measure_noise, measure_ranges
from core.errors import ConversionError
from core.ncnn.half import notes_on_half
from core.ncnn.int8 import quantisable, quantisable_unmeasured, to_int8
from core.ncnn.mixed import by_noise, by_rule
from core.ncnn.model import NcnnModel
from core.outcome import Artifact
from core.progress import Progress, portion
from core.runtimes.predictor import Feeds
from core.source import Source
from core.target import TargetId
from core.targets.ncnn_rules import refuse_unfit, write
from core.text import Text, say
from core.workshop import Workshop

_LISTENED = 3
"""Pictures on which layers are listened to."""

_MOST_LISTENED = 80
"""Layers that are listened to, each alone: it takes less time than measuring 240 pictures."""


class NcnnQuan:
    """Min-max ranges, weights with a scale for each channel, and layers left in 16 bit where that pays most.

    Measured on efficientnet_lite0 and ppocrv4_rec: with those layers in 16 bit, clipping the ranges (by KL,
    ACIQ, mean square or percentile) won nothing over the plain largest value, and at times lost much.
    """

    id: TargetId = "ncnn_quan"
    title: Text = say("ncnn, 8 bit")
    sentence: Text = say("For phones and small boards. A quarter of the size. Learns from your pictures.")
    needs_images = True
    least_cosine = 0.9

    def file_names(self, stem: str) -> tuple[str, ...]:
        """The graph and its weights."""
        return (f"{stem}_int8.param", f"{stem}_int8.bin")

    def check(self, source: Source) -> None:
        """Refuse what ncnn cannot express."""
        refuse_unfit(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Measure the ranges over the calibration pictures, then write the weights."""
        progress(0.0, say("Converting to ncnn"))
        model = workshop.ncnn
        measured, unmeasured = quantisable(model), quantisable_unmeasured(model)
        if not measured and not unmeasured:
            raise ConversionError(
                say("This model has no layer that ncnn can compute in 8 bit."),
                next_step=say("Use the 16 bit target of ncnn instead."),
            )
        ranges, samples = _measure(workshop, model, measured, portion(progress, 0.3, 0.7))
        progress(0.7, say("Listening to what each layer loses in 8 bit"))
        layers = (*measured, *unmeasured)
        kept = by_rule(model, layers)
        noise = measure_noise(model, _audible(model, layers, ranges=ranges, kept=kept), samples)
        kept = by_noise(model, layers, kept=kept, noise=noise)
        progress(0.95, say("Writing 8 bit weights"))
        quantised = to_int8(model, ranges, keep_float=kept)
        notes = (*workshop.calibration_notes, _kept_note(len(kept), len(layers)), *notes_on_half(quantised))
        return write(quantised, self.id, folder=folder, names=self.file_names(workshop.stem), notes=notes)


def _measure(
    workshop: Workshop, model: NcnnModel, layers: Sequence[int], progress: Progress
) -> tuple[dict[int, float], list[Feeds]]:
    """Ranges over all calibration pictures, and a few of these, from all over the folder, to listen with."""
    every = max(1, -(-len(workshop.split.calibration) // _LISTENED))
    samples: list[Feeds] = []

    def feeds() -> Iterator[Feeds]:
        for index, sample in enumerate(workshop.calibration_feeds(progress)):
            if index % every == 0:
                samples.append(sample)
            yield sample

    return measure_ranges(model, layers, feeds()), samples


def _audible(
    model: NcnnModel, layers: Sequence[int], *, ranges: Mapping[int, float], kept: Collection[int]
) -> dict[int, float]:
    """Layers to listen to, with their ranges: the smallest, if there are many, since each costs a run."""
    known = {index: ranges.get(index, 0.0) for index in layers if index not in ranges or 0 < ranges[index] < math.inf}
    left = [index for index in known if index not in kept]
    smallest = sorted(left, key=lambda index: model.weights[index][0].values.size)[:_MOST_LISTENED]
    return {index: known[index] for index in smallest}


def _kept_note(kept: int, layers: int) -> Text:
    return say(
        "{kept} of {all} layers were left in 16 bit, because 8 bit would cost accuracy there and save little.",
        kept=kept,
        all=layers,
    )
