"""Half precision ONNX: every weight in 16 bit."""

from __future__ import annotations

import warnings
from pathlib import Path

from core.errors import ConversionError
from core.outcome import Artifact
from core.progress import Progress
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_if_reduced, save
from core.text import Text, say
from core.workshop import Workshop


class OnnxFp16:
    """Converted by onnxconverter-common from the cleaned model; inputs and outputs stay float32."""

    id: TargetId = "onnx_fp16"
    title: Text = say("ONNX, 16 bit")
    sentence: Text = say("Half the size, practically the same answers. For GPUs and phones that compute in 16 bit.")
    needs_images = False
    least_cosine = 0.99

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_fp16.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what already is 8 or 16 bit."""
        refuse_if_reduced(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Convert; values that 16 bit cannot hold are caught by the comparison with the source."""
        from onnxconverter_common import float16

        progress(0.0, say("Turning the weights into 16 bit"))
        try:
            with warnings.catch_warnings():
                # It warns of every weight below the smallest 16-bit number, which becomes that number or 0.
                warnings.simplefilter("ignore")
                model = float16.convert_float_to_float16(workshop.prepared.fresh(), keep_io_types=True)
        except Exception as exc:
            raise ConversionError(
                say("The model could not be turned into 16 bit."),
                next_step=say("Use one of the other targets; the technical details name the step that does not fit."),
                detail=repr(exc),
            ) from exc
        (name,) = self.file_names(workshop.stem)
        return Artifact(self.id, (save(model, folder / name),))
