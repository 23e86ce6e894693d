"""Half precision ONNX: every weight in 16 bit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.half_search import HalfModel, find_half
from core.outcome import Artifact
from core.progress import Progress, portion
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_unfit, save
from core.text import Text, say
from core.workshop import Workshop

_SEARCHED_COSINE = 0.9995
"""More than is asked of the result, which is judged on more inputs than the few of the search."""

_NAMED = 5
"""How many operators a note names."""


class OnnxFp16:
    """As many steps in 16 bit as agree with the source; inputs and outputs stay float32."""

    id: TargetId = "onnx_fp16"
    title: Text = say("ONNX, 16 bit")
    sentence: Text = say("Half the size, practically the same answers. For GPUs and phones that compute in 16 bit.")
    needs_images = False
    least_cosine = 0.999

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_fp16.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what already is 8 or 16 bit, or holds nothing that could be, or cannot be checked."""
        refuse_unfit(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Convert, and find by trying which steps have to stay in 32 bit."""
        progress(0.0, say("Turning the weights into 16 bit"))
        found = find_half(
            workshop.prepared.fresh(), workshop.trials, least=_SEARCHED_COSINE, progress=portion(progress, 0.1, 0.9)
        )
        (name,) = self.file_names(workshop.stem)
        return Artifact(self.id, (save(found.model, folder / name),), notes=_notes(found))


def _notes(found: HalfModel) -> tuple[Text, ...]:
    if not found.kept and found.candidates:
        return ()
    if len(found.kept) == found.candidates:
        return (say("The weights are stored in 16 bit, and everything is computed in 32 bit."),)
    return (
        say(
            "{count} of {all} steps are computed in 32 bit, because 16 bit changed the answers: {operators}.",
            count=len(found.kept),
            all=found.candidates,
            operators=", ".join(f"{name} x {count}" for name, count in Counter(found.kept).most_common(_NAMED)),
        ),
    )
