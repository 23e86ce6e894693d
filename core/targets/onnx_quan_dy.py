"""Target ``onnx_quan_dy``: dynamic quantisation, whose ranges are found at run time, so that it needs no samples.

Where there are some, its weights are rounded for what the layers compute on them.
"""

from __future__ import annotations

from pathlib import Path

from core.common.errors import EdgePressError, TargetRefused
from core.common.progress import Progress, portion
from core.common.text import Text, plural, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.quantization.onnx.calibrated_model import CalibratedModel
from core.quantization.onnx.dynamic import DynamicModel, quantize_dynamic
from core.targets.base import Effort, write_with_variants
from core.targets.onnx_target import OnnxTarget, save, tail_notes

_MIN_WEIGHTS = 100
"""Fewer weights than this are smaller than the nodes that 8 bit would add."""

_MIN_WEIGHT_SHARE = 0.25
"""Share of the file that its weights must have, for 8 bit to save more than scales and nodes add."""


class OnnxQuanDy(OnnxTarget):
    """Matrix products quantised dynamically by onnxruntime; convolutions weight-only."""

    id: TargetId = "onnx_quan_dy"
    title: Text = say("ONNX, 8 bit dynamic")
    sentence: Text = say(
        "About a quarter of the size. Needs no example pictures, but is closer with them. Saves space more than time."
    )
    least_cosine = 0.9
    bytes_per_weight = 1.04  # the smallest tensors are stored in 16 bit
    effort = Effort(0.5, 0.09, 4, 0)

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_quan_dynamic.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what every ONNX target refuses, and what has hardly any weights."""
        super().check(source)
        if source.parameters < _MIN_WEIGHTS or 4 * source.parameters < _MIN_WEIGHT_SHARE * source.size_bytes:
            raise _nothing_to_store()

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Quantise by the first scheme that is accurate enough."""
        (name,) = self.file_names(context.stem)
        noise = context.candidate_noise
        calibrated = _calibrated(context, portion(progress, 0.0, 0.5))
        best = quantize_dynamic(
            context.prepared.clean.read,
            context.references if calibrated is None else calibrated.references,
            max_bytes=context.size_to_reduce - context.tail_bytes,
            scratch=folder / name,
            change=context.change,
            rounded=None if calibrated is None else calibrated.weight_only,
            noise_of=None if noise is None else noise.ratio,
            others=context.makes_variants,
            progress=portion(progress, 0.0 if calibrated is None else 0.5, 1.0),
        )
        if best is None:
            raise _nothing_to_store()

        def write(one: DynamicModel, place: Path) -> Artifact:
            rounded = () if calibrated is None or not one.weight_only else (_rounding_note(context),)
            notes = (*_notes(one), *rounded, *tail_notes(context.cut))
            return Artifact(self.id, (save(context.attach_tail(one.model), place / name),), notes=notes)

        return write_with_variants(write, folder, best, best.smaller, best.closer)


def _calibrated(context: ConversionContext, progress: Progress) -> CalibratedModel | None:
    """What pictures tell about the layers; None where there are none, or the model cannot be observed."""
    if not context.can_calibrate:
        return None
    try:
        calibrated = context.calibrate(progress)
    except EdgePressError:
        return None
    return calibrated if calibrated.statistics.moments else None


def _nothing_to_store() -> TargetRefused:
    return TargetRefused(
        say("Nothing in this model gets smaller by being stored in 8 bit."),
        next_step=say("Keep the original: it has hardly any weights. For speed use the static 8 bit target."),
    )


def _rounding_note(context: ConversionContext) -> Text:
    return (
        say("These weights were rounded for what the layers compute on your pictures (GPTQ).")
        if context.sampled.takes_image
        else say("These weights were rounded for what the layers compute on your examples (GPTQ).")
    )


def _notes(quantized: DynamicModel) -> tuple[Text, ...]:
    if not quantized.weight_only:
        return ()
    if not quantized.is_dynamic:
        return (
            plural(
                "{count} layer is stored in 8 bit and computed in 32 bit, because computing in 8 bit changed "
                "the answers too much.",
                "{count} layers are stored in 8 bit and computed in 32 bit, because computing in 8 bit changed "
                "the answers too much.",
                count=quantized.weight_only,
            ),
        )
    return (
        plural(
            "{count} layer is stored in 8 bit and computed in 32 bit, because onnxruntime runs it in dynamic 8 bit "
            "many times slower, or not at all. For more speed try the static 8 bit file.",
            "{count} layers are stored in 8 bit and computed in 32 bit, because onnxruntime runs them in dynamic 8 bit "
            "many times slower, or not at all. For more speed try the static 8 bit file.",
            count=quantized.weight_only,
        ),
    )
