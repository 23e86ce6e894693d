"""Static 8-bit ONNX: weights and activations in 8 bit, with ranges measured on the person's pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from core.calibration.onnx import Range, measure_ranges
from core.errors import ConversionError
from core.outcome import Artifact
from core.progress import Progress, portion
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_if_reduced, save
from core.text import Text, say
from core.workshop import Workshop

_QUANTISED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Clip")
"""Where 8 bit pays. Over nine models, quantising every operator that onnxruntime can was never smaller and hardly
ever faster, and lost up to 3.5 dB. Relu and Clip are among them so that the range of a convolution's output is the
range after its activation, into which onnxruntime folds it."""


class OnnxQuanSt:
    """Written by onnxruntime: QDQ format, min-max ranges, u8 activations, s8 weights for each channel."""

    id: TargetId = "onnx_quan_st"
    title: Text = say("ONNX, 8 bit static")
    sentence: Text = say("A quarter of the size and often twice as fast on a processor. Learns from your pictures.")
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
        model = workshop.prepared.fresh()
        ranges = measure_ranges(model, workshop.calibration_feeds(portion(progress, 0.0, 0.7)))
        progress(0.7, say("Writing 8 bit weights"))
        quantised = _quantise(model, ranges)
        (name,) = self.file_names(workshop.stem)
        return Artifact(self.id, (save(quantised, folder / name),), notes=workshop.calibration_notes)


def _quantise(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> onnx.ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData

    # Unsigned activations run about twice as fast on x86 as signed ones, and no slower on ARM.
    measured = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    try:
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, measured),
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=list(_QUANTISED),
            extra_options={},
        )
        quantizer.quantize_model()
    except Exception as exc:
        raise ConversionError(
            say("The model could not be quantised with your pictures."),
            next_step=say("Use the dynamic 8 bit target, which needs no pictures."),
            detail=repr(exc),
        ) from exc
    quantised: onnx.ModelProto = quantizer.model.model
    return quantised
