"""Static 8-bit ONNX: weights and activations in 8 bit, with ranges measured on the person's pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from core.calibration.layers import add_biases, name_nodes
from core.calibration.onnx import measure
from core.calibration.thresholds import Range
from core.calibration.weights import refine_weights
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
    """Written by onnxruntime: QDQ format, u8 activations, s8 weights for each channel.

    Ranges are those of the least squared error; then each layer's weights are rounded so that its
    answers change least, and its bias makes good the mean error that is left.
    """

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
        name_nodes(model)
        add_biases(model)
        feeds = workshop.calibration_feeds(portion(progress, 0.0, 0.7))
        measured = measure(model, feeds, operators=_QUANTISED, count=len(workshop.split.calibration))
        progress(0.7, say("Writing 8 bit weights"))
        floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        quantised = _quantise(model, measured.chosen("mean-square"))
        refine_weights(quantised, measured.moments, floats)
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
            # A last layer answers in float, and so does one whose answers are used in float alone.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
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
