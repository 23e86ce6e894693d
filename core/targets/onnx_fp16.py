"""Target ``onnx_fp16``: half precision, float32 inputs and outputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.common.progress import Progress, portion
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.fp16.node_search import Fp16Model, search_fp16_nodes
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.targets.base import Effort
from core.targets.onnx_target import OnnxTarget, save, tail_notes
from core.targets.source_rules import refuse_if_16_bit

_SEARCH_COSINE = 0.9995
"""Above the target's least cosine, since the evaluation uses more samples than the search."""

_NAMED_OPERATORS = 5
"""Operators named in a note, at most."""


class OnnxFp16(OnnxTarget):
    """As many nodes in fp16 as the source's outputs allow; inputs and outputs stay float32."""

    id: TargetId = "onnx_fp16"
    title: Text = say("ONNX, 16 bit")
    sentence: Text = say("Half the size, practically the same answers. For GPUs and phones that compute in 16 bit.")
    least_cosine = 0.999
    bytes_per_weight = 2.0
    effort = Effort(1.8, 0.27, 24, 0)

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_fp16.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what every ONNX target refuses, and what is 16 bit already."""
        super().check(source)
        refuse_if_16_bit(source)

    def notes(self, source: Source) -> tuple[Text, ...]:
        """Those of every ONNX target, and weights that are 16 bit already."""
        if "float16" not in source.weight_dtypes:
            return super().notes(source)
        return (*super().notes(source), say("Some weights already are 16 bit, so the file shrinks by less than half."))

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Convert, and find by trials which nodes have to stay in 32 bit."""
        progress(0.0, say("Turning the weights into 16 bit"))
        found = search_fp16_nodes(
            context.prepared.clean.read(),
            context.references,
            least=_SEARCH_COSINE,
            keeps_answers=context.keeps_answers,
            progress=portion(progress, 0.1, 0.9),
        )
        (name,) = self.file_names(context.stem)
        whole = context.attach_tail(found.model)
        return Artifact(self.id, (save(whole, folder / name),), notes=(*_notes(found), *tail_notes(context.cut)))


def _notes(found: Fp16Model) -> tuple[Text, ...]:
    if not found.kept and found.candidates:
        return ()
    if len(found.kept) == found.candidates:
        return (say("The weights are stored in 16 bit, and everything is computed in 32 bit."),)
    return (
        say(
            "{count} of {all} steps are computed in 32 bit, because 16 bit changed the answers, cannot hold their "
            "values, or did not run: {operators}.",
            count=len(found.kept),
            all=found.candidates,
            operators=", ".join(
                f"{name} x {count}" for name, count in Counter(found.kept).most_common(_NAMED_OPERATORS)
            ),
        ),
    )
