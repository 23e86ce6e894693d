"""Target ``ncnn_quan``: 8 bit, calibrated on the person's samples; needs no C++ tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.common.errors import ConversionError, EdgePressError
from core.common.progress import Progress, portion
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.fp16.ncnn_writer import notes_on_fp32_layers
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.ncnn.model import NcnnModel
from core.quantization.ncnn.int8 import quantizable_layers, quantizable_without_range
from core.quantization.ncnn.official_tools import quantize_with_official_tools
from core.quantization.ncnn.plan import QuantizationPlan, plan_quantization
from core.quantization.observers.abs_max import method_named
from core.targets.base import Effort, write_with_variants
from core.targets.ncnn_target import NcnnTarget


class NcnnQuan(NcnnTarget):
    """Abs-max ranges, a scale for each output channel, and the most sensitive layers in 16 bit."""

    id: TargetId = "ncnn_quan"
    title: Text = say("ncnn, 8 bit")
    sentence: Text = say("For phones and small boards. A quarter of the size. Learns from your pictures.")
    needs_images = True
    suffix = "_int8"
    least_cosine = 0.9
    bytes_per_weight = 1.15  # first and depthwise convolutions stay in 16 bit
    effort = Effort(1.3, 0.08, 4, 4.6)

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Calibrate on the calibration samples, then write the weights."""
        progress(0.0, say("Converting to ncnn"))
        model = context.ncnn_model
        if not quantizable_layers(model) and not quantizable_without_range(model):
            raise ConversionError(
                say("This model has no layer that ncnn can compute in 8 bit."),
                next_step=say("Use the 16 bit target of ncnn instead."),
            )
        if context.ncnn_tools != "own":
            return self._made_by_official_tools(context, model, folder, portion(progress, 0.3, 0.95))
        plan = _plan(context, model, portion(progress, 0.3, 0.95))
        progress(0.95, say("Writing 8 bit weights"))

        def write(one: QuantizationPlan, place: Path) -> Artifact:
            quantized = one.apply(model)
            kept = _kept_notes(len(one.keep_float), len(one.layers))
            notes = (*context.calibration_notes, *kept, *notes_on_fp32_layers(quantized))
            return replace(self.write(context, quantized, place, notes), sensitivity=sensitivity)

        sensitivity = _by_tensor(plan, model, context)
        return write_with_variants(write, folder, plan, plan.smaller, plan.closer)

    def _made_by_official_tools(
        self, context: ConversionContext, model: NcnnModel, folder: Path, progress: Progress
    ) -> Artifact:
        feeds = context.calibration_feeds(progress)
        tools, work = context.ncnn_tools, context.folder / "ncnn-tools"
        quantized = quantize_with_official_tools(model, feeds, choice=tools, folder=work)
        note = say("ncnn's own tools measured the ranges (KL) and wrote the weights: {tools}", tools=tools)
        notes = (*context.calibration_notes, note, *notes_on_fp32_layers(quantized))
        return self.write(context, quantized, folder, notes)


def _plan(context: ConversionContext, model: NcnnModel, progress: Progress) -> QuantizationPlan:
    progress(0.0, say("Looking for the pictures that say most about 8 bit"))
    noise = context.prediction_noise
    return plan_quantization(
        model,
        context.calibration_feeds(portion(progress, 0.0, 0.6)),
        count=context.calibration_count,
        method=method_named(context.ncnn_calibration),
        noise=noise,
        change=context.change,
        others=context.makes_variants,
        progress=portion(progress, 0.6, 1.0),
    )


def _by_tensor(plan: QuantizationPlan, model: NcnnModel, context: ConversionContext) -> dict[str, float]:
    """The sensitivity of the layers by the tensors of the source; nothing where those cannot be found in ncnn."""
    blobs = {model.param.layers[index].tops[0]: noise for index, noise in plan.sensitivity.items()}
    try:
        return {tensor: blobs[blob] for tensor, blob in context.blob_names.items() if blob in blobs}
    except EdgePressError:
        return {}


def _kept_notes(kept: int, layers: int) -> tuple[Text, ...]:
    if not kept:
        return ()
    return (
        say(
            "{kept} of {all} layers were left in 16 bit, because 8 bit would cost accuracy there and save little.",
            kept=kept,
            all=layers,
        ),
    )
