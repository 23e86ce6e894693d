"""Target ``onnx_quan_st``: static quantisation of weights and activations, calibrated on the person's samples."""

from __future__ import annotations

from pathlib import Path

import onnx

from core.common.errors import TargetRefused
from core.common.progress import Progress, portion
from core.common.text import Text, plural, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.normalize.effective import effective_operators
from core.onnx_model.source import Source
from core.quantization.onnx.static import StaticModel, quantize_static
from core.targets.base import Effort, write_with_variants
from core.targets.onnx_target import OnnxTarget, save, tail_notes

_BRANCHES = frozenset({"If", "Loop", "Scan"})
"""Tensors inside them cannot be made outputs of the model, so that their ranges cannot be measured."""

_WITH_WEIGHTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Without any of these nothing would become smaller or faster."""


class OnnxQuanSt(OnnxTarget):
    """QDQ format by onnxruntime: uint8 activations, int8 weights per channel.

    Ranges are those of the least mean squared error; then each layer's weights are rounded by GPTQ, and its bias is
    corrected by the mean error that is left.
    """

    id: TargetId = "onnx_quan_st"
    title: Text = say("ONNX, 8 bit static")
    sentence: Text = say("A quarter of the size and often twice as fast on a processor. Learns from your pictures.")
    needs_images = True
    least_cosine = 0.9
    bytes_per_weight = 1.02
    effort = Effort(2.0, 2.0, 300, 4.5)

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_quan_static.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what every ONNX target refuses, and models without layers that 8 bit is for, outside of branches."""
        super().check(source)
        operators = effective_operators(source)
        if _WITH_WEIGHTS & operators.outside or operators.has_open_branches:
            return
        branches = sorted(_BRANCHES & operators.outside)
        if not branches or not _WITH_WEIGHTS & operators.everywhere:
            raise _nothing_to_compute()
        raise TargetRefused(
            say(
                "Ranges cannot be measured inside the branches of this model ({operators}).",
                operators=", ".join(branches),
            ),
            next_step=say("Use the dynamic 8 bit target, or export the model without branches."),
        )

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Calibrate on the calibration samples, then quantise and write the file."""
        progress(0.0, say("Looking for the pictures that say most about 8 bit"))
        calibrated = context.calibrate(portion(progress, 0.0, 0.7))
        progress(0.7, say("Writing 8 bit weights"))
        made = quantize_static(
            calibrated.model,
            calibrated.statistics,
            noise=context.prediction_noise,
            change=context.change,
            others=context.makes_variants,
            weight_only=calibrated.weight_only,
        )
        if not any(_is_8_bit_weight(tensor) for tensor in made.model.graph.initializer):
            raise _nothing_to_compute()
        (name,) = self.file_names(context.stem)

        def write(one: StaticModel, place: Path) -> Artifact:
            notes = (*context.calibration_notes, *_notes(one), *tail_notes(context.cut))
            files = (save(context.attach_tail(one.model), place / name),)
            return Artifact(self.id, files, notes=notes, sensitivity=one.sensitivity)

        return write_with_variants(write, folder, made, made.smaller, made.closer)


def _is_8_bit_weight(tensor: onnx.TensorProto) -> bool:
    """Signed weights, or unsigned ones with several axes; unsigned zero points of activations have none."""
    return tensor.data_type == onnx.TensorProto.INT8 or (
        tensor.data_type == onnx.TensorProto.UINT8 and len(tensor.dims) > 1
    )


def _nothing_to_compute() -> TargetRefused:
    return TargetRefused(
        say("This model has no convolutions or matrix products with weights, which are what 8 bit makes smaller."),
        next_step=say("Keep the original, or use the 16 bit target."),
    )


def _notes(made: StaticModel) -> tuple[Text, ...]:
    notes = (
        plural(
            "{count} layer is stored in 8 bit and computed in 32 bit, because computing in 8 bit changed "
            "the answers too much.",
            "{count} layers are stored in 8 bit and computed in 32 bit, because computing in 8 bit changed "
            "the answers too much.",
            count=made.weight_only,
        ),
        plural(
            "{count} layer is stored in 16 bit and computed in 32 bit, because 8 bit changed the answers too much "
            "there.",
            "{count} layers are stored in 16 bit and computed in 32 bit, because 8 bit changed the answers too much "
            "there.",
            count=made.in_float,
        ),
    )
    return tuple(note for note in notes if note.values["count"])
