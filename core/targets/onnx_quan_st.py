"""Static 8-bit ONNX: weights and activations in 8 bit, with ranges measured on the person's pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from core.calibration.layers import add_biases, name_nodes
from core.calibration.mixed import guard, with_activations
from core.calibration.onnx import Measured, measure
from core.calibration.placement import unfit
from core.calibration.sensitivity import layers_to_spare
from core.calibration.thresholds import Method, Range
from core.calibration.weights import refine_weights
from core.errors import ConversionError, TargetRefused
from core.outcome import Artifact
from core.progress import Progress, portion
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_unfit, save
from core.text import Text, say
from core.workshop import Workshop

QUANTISED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Clip")
"""Where 8 bit pays. Over nine models, quantising every operator that onnxruntime can was never smaller and hardly
ever faster, and lost up to 3.5 dB. Relu and Clip are among them so that the range of a convolution's output is the
range after its activation, into which onnxruntime folds it."""

_BRANCHES = frozenset({"If", "Loop", "Scan"})
"""What is inside them runs now and then only, and out of reach of the outputs that tell the ranges."""


_PAYING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Without any of these nothing would get smaller or faster."""


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
        """Refuse what already is 8 or 16 bit, has branches, or no layers that 8 bit is for."""
        refuse_unfit(source)
        branches = sorted(_BRANCHES & set(source.operators))
        if branches:
            raise TargetRefused(
                say(
                    "Ranges cannot be measured inside the branches of this model ({operators}).",
                    operators=", ".join(branches),
                ),
                next_step=say("Use the dynamic 8 bit target, or export the model without branches."),
            )
        if not _PAYING & set(source.operators):
            raise _nothing_to_compute()

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Measure the ranges over the calibration pictures and write the file."""
        model = workshop.prepared.fresh()
        name_nodes(model)
        add_biases(model)
        feeds = workshop.calibration_feeds(portion(progress, 0.0, 0.7))
        count = workshop.calibration_count
        measured = measure(model, feeds, operators=QUANTISED, count=count)
        progress(0.7, say("Writing 8 bit weights"))
        quantised, spared = make_static(model, measured)
        if not any(tensor.data_type == onnx.TensorProto.INT8 for tensor in quantised.graph.initializer):
            raise _nothing_to_compute()
        (name,) = self.file_names(workshop.stem)
        notes = workshop.calibration_notes + _notes(spared)
        return Artifact(self.id, (save(quantised, folder / name),), notes=notes)


def _nothing_to_compute() -> TargetRefused:
    return TargetRefused(
        say("This model has no convolutions or matrix products with weights, which are what 8 bit makes smaller."),
        next_step=say("Keep the original, or use the 16 bit target."),
    )


def make_static(
    model: onnx.ModelProto, measured: Measured, *, method: Method = "mean-square"
) -> tuple[onnx.ModelProto, int]:
    """Quantise; where the answers stray too far, once more without the layers that cause it.

    Args:
        model: the clean model, prepared with :func:`name_nodes` and :func:`add_biases`; it is not changed.
        measured: what the calibration pictures told.
        method: how ranges are chosen; the default was best over all models tried (docs/calibration.md).

    Returns:
        The 8-bit model, and how many layers stayed in float.
    """
    ranges = measured.chosen(method)
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantised = _quantise(model, ranges)
    rounded = refine_weights(quantised, measured.moments, floats)
    spared = layers_to_spare(model, rounded, ranges, measured.samples)
    if spared:
        quantised = _quantise(model, ranges, with_activations(model, spared))
        refine_weights(quantised, measured.moments, floats)
        guard(quantised, spared)
    return quantised, len(spared)


def _notes(spared: int) -> tuple[Text, ...]:
    if not spared:
        return ()
    return (say("{count} layers stayed in 32 bit, because 8 bit changed the answers too much there.", count=spared),)


def _quantise(model: onnx.ModelProto, ranges: Mapping[str, Range], spared: Sequence[str] = ()) -> onnx.ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData

    # Unsigned activations run about twice as fast on x86 as signed ones, and no slower on ARM.
    measured = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    own = onnx.ModelProto()
    own.CopyFrom(model)  # it is written into
    inputs = {value.name for value in own.graph.input}
    outputs = list(own.graph.output)
    # The writer would give an input that is handed on as an output a second definition.
    del own.graph.output[:]
    own.graph.output.extend(value for value in outputs if value.name not in inputs)
    try:
        quantizer = QDQQuantizer(
            own,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, measured),
            nodes_to_quantize=[],
            nodes_to_exclude=[*spared, *unfit(model, QUANTISED, ranges)],
            op_types_to_quantize=list(QUANTISED),
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
    del quantised.graph.output[:]
    quantised.graph.output.extend(outputs)
    return quantised
