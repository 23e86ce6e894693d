"""ncnn in 32 bit: for phones and small boards, with all of the model's accuracy."""

from __future__ import annotations

from pathlib import Path

from core.outcome import Artifact
from core.progress import Progress
from core.source import Source
from core.target import TargetId
from core.targets.ncnn_rules import refuse_unfit, write
from core.text import Text, say
from core.workshop import Workshop


class NcnnFp32:
    """Converted by pnnx, proved by running it."""

    id: TargetId = "ncnn"
    title: Text = say("ncnn, 32 bit")
    sentence: Text = say("For phones and small boards. Full size, the same answers.")
    needs_images = False
    least_cosine = 0.999

    def file_names(self, stem: str) -> tuple[str, ...]:
        """The graph and its weights."""
        return (f"{stem}.param", f"{stem}.bin")

    def check(self, source: Source) -> None:
        """Refuse what ncnn cannot express."""
        refuse_unfit(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Write the converted model."""
        progress(0.0, say("Converting to ncnn"))
        return write(workshop.ncnn, self.id, folder=folder, names=self.file_names(workshop.stem))
