"""Base of the ncnn targets: format, refusals, notes, and how files are written and opened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from core.common.errors import TargetRefused
from core.common.text import Text, say
from core.conversion.batch import samples_at_a_time
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact, PostProcessing
from core.job.target_id import TargetId
from core.ncnn.model import NcnnModel
from core.onnx_model.cut import operators_before_cut
from core.onnx_model.normalize.effective import with_nodes
from core.onnx_model.source import Source
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.post_processed import PostProcessedPredictor
from core.runtimes.predictor import Predictor, Tensor
from core.targets.base import ModelFormat
from core.targets.layer_reader import LayerReader
from core.targets.ncnn_layer_reader import NcnnLayerReader
from core.targets.source_rules import refuse_if_8_bit, refuse_if_random

NCNN = ModelFormat("ncnn", ".param")

_UNSUPPORTED = frozenset({"If", "Loop", "Scan", "NonMaxSuppression", "NonZero", "Unique", "SequenceAt", "Optional"})
"""Operators that ncnn cannot have: its graph has no branches, and its sizes do not depend on values."""

_MAYBE_UNSUPPORTED = frozenset(
    {"BitShift", "Compress", "Det", "EyeLike", "GatherElements", "GatherND", "IsInf", "IsNaN", "RoiAlign"}
    | {"ScatterElements", "ScatterND", "TopK", "MaxUnpool", "STFT", "DFT", "StringNormalizer"}
)
"""ncnn has no layer for them; in many models they disappear when constants are folded."""


class NcnnTarget:
    """Base of the targets whose artifact is a .param and a .bin file."""

    id: TargetId
    format = NCNN
    needs_images = False
    suffix: str
    """Between the source's name and the file suffixes."""

    def file_names(self, stem: str) -> tuple[str, ...]:
        """The graph and its weights."""
        return (f"{stem}{self.suffix}.param", f"{stem}{self.suffix}.bin")

    def check(self, source: Source) -> None:
        """Refuse what ncnn cannot express."""
        refuse_unsupported(source)

    def notes(self, source: Source) -> tuple[Text, ...]:
        """Operators that ncnn may lack, and sizes that get fixed."""
        return tuple(_notes(source))

    def write(
        self, context: ConversionContext, model: NcnnModel, folder: Path, notes: tuple[Text, ...] = ()
    ) -> Artifact:
        """Write .param and .bin into ``folder``.

        Args:
            context: of the job.
            model: the finished model.
            folder: the target's folder.
            notes: what to tell about it; what it leaves out and which inputs are integers is told too.
        """
        param_name, bin_name = self.file_names(context.stem)
        files = model.save(folder / param_name, folder / bin_name)
        integers = tuple(name for name, blob in model.inputs.items() if blob in model.integer_inputs)
        cut = context.post_processing
        notes = (*notes, *_cut_notes(cut), *_integer_notes(context.source, model, integers))
        return Artifact(self.id, files, model.inputs, model.outputs, notes, cut, integers)

    def open(self, artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:
        """Load it in ncnn, which has neither the source's names nor a batch axis: both are restored.

        Where it is cut before its post-processing, that is run after it by onnxruntime.
        """
        model = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
        if artifact.cut is None or artifact.cut.model is None:
            return NcnnPredictor(model, expected, threads=threads)
        given = {tensor.name: np.zeros(tuple(map(int, tensor.shape)), np.float32) for tensor in artifact.cut.outputs}
        head = NcnnPredictor(model, {**expected, **given}, threads=threads)
        return PostProcessedPredictor(head, artifact.cut.model, tuple(expected), threads=threads)

    def layer_reader(self, artifact: Artifact, context: ConversionContext) -> LayerReader:
        """Find tensors by the blobs of the 32-bit conversion, which all ncnn models of a job share."""
        model = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
        return NcnnLayerReader(model, context.blob_names)


def _cut_notes(cut: PostProcessing | None) -> Iterator[Text]:
    if cut is not None:
        yield say(
            "The end of the model ({operators}), which ncnn cannot compute, is left out: the file gives {names}, "
            "from which the results are picked afterwards.",
            operators=", ".join(cut.operators),
            names=", ".join(tensor.name for tensor in cut.outputs),
        )


def _integer_notes(source: Source, model: NcnnModel, integers: Collection[str]) -> Iterator[Text]:
    """Where the source has integer inputs, which types they have in ncnn."""
    given = [one.name for one in source.inputs if one.name in model.inputs and np.dtype(one.dtype).kind in "iub"]
    floats = [name for name in given if name not in integers]
    if integers:
        yield say("ncnn takes these inputs as 32-bit integers: {names}.", names=", ".join(integers))
    if floats:
        yield say("ncnn takes these inputs as 32-bit floats, with the same numbers: {names}.", names=", ".join(floats))


def _notes(source: Source) -> Iterator[Text]:
    maybe_unsupported = sorted(_MAYBE_UNSUPPORTED & set(operators_before_cut(source)))
    if maybe_unsupported:
        yield say(
            "ncnn may have nothing for these operators, unless they disappear when constants are folded: {operators}.",
            operators=with_nodes(source, maybe_unsupported),
        )
    count = samples_at_a_time((*source.inputs, *source.outputs))
    if count > 1:
        yield say(
            "The model takes {count} samples at a time; the ncnn file takes one, and is run for each.", count=count
        )
    if not all(tensor.is_static for tensor in source.inputs):
        yield say("The model takes inputs of any size; in ncnn its inner sizes are fixed to those that you choose.")


def refuse_unsupported(source: Source) -> None:
    """Refuse what ncnn cannot express, before pnnx runs.

    Raises:
        TargetRefused: the source is 8 bit already, draws random numbers, or has an operator that ncnn cannot have.
    """
    refuse_if_8_bit(source)
    refuse_if_random(source)
    operators = operators_before_cut(source)
    unsupported = sorted(_UNSUPPORTED & operators) + sorted(name for name in operators if "::" in name)
    if unsupported:
        raise TargetRefused(
            say(
                "ncnn has nothing for these operators of the model: {operators}.",
                operators=with_nodes(source, unsupported),
            ),
            next_step=say("Use the ONNX targets, or export the model without them (for detectors: without its NMS)."),
        )
