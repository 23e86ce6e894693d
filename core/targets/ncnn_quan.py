"""ncnn in 8 bit, with ranges measured on the person's pictures and no compiler anywhere."""

from __future__ import annotations

from pathlib import Path

from core.calibration.ncnn import measure_ranges
from core.errors import ConversionError
from core.ncnn.half import notes_on_half
from core.ncnn.int8 import quantisable, quantisable_unmeasured, to_int8
from core.ncnn.mixed import float_layers
from core.outcome import Artifact
from core.progress import Progress, portion
from core.source import Source
from core.target import TargetId
from core.targets.ncnn_rules import refuse_unfit, write
from core.text import Text, say
from core.workshop import Workshop


class NcnnQuan:
    """Min-max ranges, and weights with a scale for each channel."""

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
        ranges = measure_ranges(model, measured, workshop.calibration_feeds(portion(progress, 0.3, 0.95)))
        progress(0.95, say("Writing 8 bit weights"))
        layers = (*measured, *unmeasured)
        kept = float_layers(model, layers)
        quantised = to_int8(model, ranges, keep_float=kept)
        notes = (*workshop.calibration_notes, _kept_note(len(kept), len(layers)), *notes_on_half(quantised))
        return write(quantised, self.id, folder=folder, names=self.file_names(workshop.stem), notes=notes)


def _kept_note(kept: int, layers: int) -> Text:
    return say(
        "{kept} of {all} layers were left in 16 bit, because they are small, sensitive and no faster in 8 bit.",
        kept=kept,
        all=layers,
    )
