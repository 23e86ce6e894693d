"""Target ``ncnn_fp16``: weights in fp16, half the size."""

from __future__ import annotations

from pathlib import Path

from core.common.progress import Progress
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.fp16.ncnn_writer import notes_on_fp32_layers, to_fp16
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.targets.base import Effort
from core.targets.ncnn_target import NcnnTarget


class NcnnFp16(NcnnTarget):
    """Made from the 32-bit conversion, so that pnnx runs once for all ncnn targets."""

    id: TargetId = "ncnn_fp16"
    title: Text = say("ncnn, 16 bit")
    sentence: Text = say("For phones and small boards. Half the size, practically the same answers.")
    suffix = "_fp16"
    least_cosine = 0.99
    bytes_per_weight = 2.0
    effort = Effort(1.0, 0.07, 4, 0)

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Store the weights in fp16."""
        progress(0.0, say("Converting to ncnn"))
        model = to_fp16(context.ncnn_model)
        return self.write(context, model, folder, notes_on_fp32_layers(model))
