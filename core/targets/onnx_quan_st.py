"""Static 8-bit ONNX: weights and activations in 8 bit, with ranges measured on the person's pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import ConversionError, EdgePressError
from core.outcome import Artifact
from core.progress import Progress
from core.runtimes.predictor import Feeds
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_if_reduced
from core.text import Text, say
from core.workshop import Workshop

_KEPT_RUNS = 16
"""Runs whose ranges onnxruntime keeps before it merges them; bounds the memory for any number of pictures."""


class OnnxQuanSt:
    """Quantised by onnxruntime: QDQ format, min-max ranges, u8 activations, s8 weights for each channel."""

    id: TargetId = "onnx_quan_st"
    title: Text = say("ONNX, 8 bit static")
    sentence: Text = say("A quarter of the size and about twice as fast on a processor. Learns from your pictures.")
    needs_images = True
    least_cosine = 0.9

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_quan_static.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what already is 8 or 16 bit."""
        refuse_if_reduced(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Measure the ranges over the calibration pictures and write the file."""
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        (name,) = self.file_names(workshop.stem)
        logging.getLogger().setLevel(logging.ERROR)
        try:
            quantize_static(
                workshop.prepared.model,
                str(folder / name),
                _reader(workshop.calibration_feeds(progress)),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                # Unsigned activations run about twice as fast on x86 as signed ones, and no slower on ARM.
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"CalibMaxIntermediateOutputs": _KEPT_RUNS},
            )
        except EdgePressError:
            raise
        except Exception as exc:
            raise ConversionError(
                say("The model could not be quantised with your pictures."),
                next_step=say("Use the dynamic 8 bit target, which needs no pictures."),
                detail=repr(exc),
            ) from exc
        return Artifact(self.id, (folder / name,), notes=workshop.calibration_notes)


def _reader(feeds: Iterator[Feeds]) -> Any:
    """The feeds as onnxruntime wants to be given them: one a call, None at the end."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Feeds | None:
            return next(feeds, None)

    return Reader()
