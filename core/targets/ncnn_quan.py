"""ncnn in 8 bit, with ranges measured on the person's pictures and no compiler anywhere."""

from __future__ import annotations

from pathlib import Path

from core.calibration.magnitudes import method_named
from core.calibration.official import quantise_with_tools
from core.calibration.recipe import find_recipe
from core.errors import ConversionError
from core.ncnn.half import notes_on_half
from core.ncnn.int8 import quantisable, quantisable_unmeasured
from core.ncnn.model import NcnnModel
from core.outcome import Artifact
from core.progress import Progress, portion
from core.source import Source
from core.target import TargetId
from core.targets.ncnn_rules import refuse_unfit, write
from core.text import Text, say
from core.workshop import Workshop


class NcnnQuan:
    """Largest values as ranges, a scale for each channel, and the noisiest layers left in 16 bit."""

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
        if not quantisable(model) and not quantisable_unmeasured(model):
            raise ConversionError(
                say("This model has no layer that ncnn can compute in 8 bit."),
                next_step=say("Use the 16 bit target of ncnn instead."),
            )
        make = _by_ourselves if workshop.ncnn_tools == "own" else _by_the_official_tools
        quantised, note = make(workshop, model, portion(progress, 0.3, 0.95))
        progress(0.95, say("Writing 8 bit weights"))
        notes = (*workshop.calibration_notes, note, *notes_on_half(quantised))
        return write(quantised, self.id, folder=folder, names=self.file_names(workshop.stem), notes=notes)


def _by_ourselves(workshop: Workshop, model: NcnnModel, progress: Progress) -> tuple[NcnnModel, Text]:
    recipe = find_recipe(
        model,
        workshop.calibration_feeds(portion(progress, 0.0, 0.6)),
        count=workshop.calibration_count,
        method=method_named(workshop.ncnn_calibration),
        progress=portion(progress, 0.6, 1.0),
    )
    return recipe.apply(model), _kept_note(len(recipe.keep_float), len(recipe.layers))


def _by_the_official_tools(workshop: Workshop, model: NcnnModel, progress: Progress) -> tuple[NcnnModel, Text]:
    feeds = workshop.calibration_feeds(progress)
    folder = workshop.folder / "ncnn-tools"
    note = say("ncnn's own tools measured the ranges (KL) and wrote the weights: {tools}", tools=workshop.ncnn_tools)
    return quantise_with_tools(model, feeds, choice=workshop.ncnn_tools, folder=folder), note


def _kept_note(kept: int, layers: int) -> Text:
    return say(
        "{kept} of {all} layers were left in 16 bit, because 8 bit would cost accuracy there and save little.",
        kept=kept,
        all=layers,
    )
