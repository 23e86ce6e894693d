"""Target ``ncnn``: the model converted in 32 bit."""

from __future__ import annotations

from pathlib import Path

from core.common.progress import Progress
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.targets.base import Effort
from core.targets.ncnn_target import NcnnTarget


class NcnnFp32(NcnnTarget):
    """Converted by pnnx, or by our own converter, and verified by running it."""

    id: TargetId = "ncnn"
    title: Text = say("ncnn, 32 bit")
    sentence: Text = say("For phones and small boards. Full size, the same answers.")
    suffix = ""
    least_cosine = 0.9999
    bytes_per_weight = 4.0
    effort = Effort(1.0, 0.07, 4, 0)

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Write the converted model."""
        progress(0.0, say("Converting to ncnn"))
        return self.write(context, context.ncnn_model, folder)
