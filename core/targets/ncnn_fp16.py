"""ncnn with weights in 16 bit: half the file."""

from __future__ import annotations

from pathlib import Path

from core.ncnn.half import notes_on_half, to_half
from core.outcome import Artifact
from core.progress import Progress
from core.source import Source
from core.target import TargetId
from core.targets.ncnn_rules import refuse_unfit, write
from core.text import Text, say
from core.workshop import Workshop


class NcnnFp16:
    """Derived from the 32-bit conversion, so that pnnx runs once for all."""

    id: TargetId = "ncnn_fp16"
    title: Text = say("ncnn, 16 bit")
    sentence: Text = say("For phones and small boards. Half the size, practically the same answers.")
    needs_images = False
    least_cosine = 0.99

    def file_names(self, stem: str) -> tuple[str, ...]:
        """The graph and its weights."""
        return (f"{stem}_fp16.param", f"{stem}_fp16.bin")

    def check(self, source: Source) -> None:
        """Refuse what ncnn cannot express."""
        refuse_unfit(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Store the weights in 16 bit."""
        progress(0.0, say("Converting to ncnn"))
        model = to_half(workshop.ncnn)
        names = self.file_names(workshop.stem)
        return write(model, self.id, folder=folder, names=names, notes=notes_on_half(model))
