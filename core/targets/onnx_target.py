"""Base of the ONNX targets: format, refusals, notes, and how files are written and opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

from core.common.errors import ConversionError, TargetRefused
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.onnx_model.cut import Cut
from core.onnx_model.source import Source
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Predictor, Tensor
from core.targets.base import ModelFormat
from core.targets.layer_reader import LayerReader
from core.targets.onnx_layer_reader import OnnxLayerReader
from core.targets.source_rules import refuse_if_random, refuse_if_reduced

ONNX = ModelFormat("ONNX", ".onnx")

_PROTOBUF_LIMIT = 2**31 - 1
"""Bytes of one ONNX file."""

_BRANCHES = frozenset({"If", "Loop", "Scan", "SequenceMap"})


class OnnxTarget:
    """Base of the targets whose artifact is one ONNX file."""

    format = ONNX
    needs_images = False

    def check(self, source: Source) -> None:
        """Refuse what is 8 or 16 bit already, has no float32 weights, or cannot be compared."""
        refuse_unsupported(source)

    def notes(self, source: Source) -> tuple[Text, ...]:
        """Branches, operators of other domains and 64-bit weights, which are not reduced."""
        return tuple(_notes(source))

    def open(self, artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:  # noqa: ARG002
        """Load it in onnxruntime, which keeps names and shapes."""
        return OnnxPredictor(artifact.files[0], threads=threads)

    def layer_reader(self, artifact: Artifact, context: ConversionContext) -> LayerReader:  # noqa: ARG002
        """Find tensors by their names, which the writers of 8 and 16 bit keep or extend."""
        return OnnxLayerReader(artifact.files[0])


def _notes(source: Source) -> Iterator[Text]:
    branches = sorted(_BRANCHES & set(source.operators))
    if branches:
        yield say(
            "The model has branches or loops ({operators}): inside them only the weights get smaller, not the time.",
            operators=", ".join(branches),
        )
    if source.foreign_operators:
        yield say(
            "Some operators are not part of ONNX and stay as they are: {operators}.",
            operators=", ".join(source.foreign_operators),
        )
    if "float64" in source.weight_dtypes:
        yield say("Some weights are 64 bit and stay so; export the model in 32 bit for a smaller file.")


def tail_notes(cut: Cut | None) -> tuple[Text, ...]:
    """The note on the post-processing, which is attached again as it was."""
    if cut is None:
        return ()
    return (say("The end of the model ({operators}) stays in 32 bit.", operators=", ".join(cut.operators)),)


def refuse_unsupported(source: Source) -> None:
    """Refuse a source of which no smaller file can be made or compared.

    Raises:
        TargetRefused: it is reduced already, draws random numbers, or has no weights in 32 bit.
    """
    refuse_if_reduced(source)
    refuse_if_random(source)
    if "float64" in source.weight_dtypes and "float32" not in source.weight_dtypes:
        raise TargetRefused(
            say("The weights of this model are 64 bit numbers."),
            next_step=say("Export the model in 32 bit, from which all files can be made."),
        )
    if not source.parameters:
        raise TargetRefused(
            say("This model holds no weights, so there is nothing that gets smaller."),
            next_step=say("Keep the original: it is as small as it can be."),
        )


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Write the model as one file.

    Raises:
        ConversionError: it is larger than an ONNX file can be.
    """
    if model.ByteSize() > _PROTOBUF_LIMIT:
        raise ConversionError(
            say("The result is larger than the 2 GB that one ONNX file can hold."),
            next_step=say("Use a smaller variant of the model; edge devices need one anyway."),
        )
    path.write_bytes(model.SerializeToString())
    return path
