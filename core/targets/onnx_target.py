"""Base of the ONNX targets: format, refusals, notes, and how files are written and opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

from core.common.errors import TargetRefused
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.onnx_model.cut import Cut
from core.onnx_model.normalize.effective import effective_operators
from core.onnx_model.serialize import serialize
from core.onnx_model.source import Source
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Predictor, Tensor
from core.targets.base import ModelFormat
from core.targets.layer_reader import LayerReader
from core.targets.onnx_layer_reader import OnnxLayerReader
from core.targets.source_rules import refuse_if_8_bit, refuse_if_random

ONNX = ModelFormat("ONNX", ".onnx")

_BRANCHES = frozenset({"If", "Loop", "Scan", "SequenceMap"})


class OnnxTarget:
    """Base of the targets whose artifact is one ONNX file."""

    format = ONNX
    needs_images = False

    def check(self, source: Source) -> None:
        """Refuse what is 8 bit already, has no weights, or cannot be compared."""
        refuse_unsupported(source)

    def notes(self, source: Source) -> tuple[Text, ...]:
        """Branches and operators of other domains, which are not reduced."""
        return tuple(_notes(source))

    def open(self, artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:  # noqa: ARG002
        """Load it in onnxruntime, which keeps names and shapes."""
        return OnnxPredictor(artifact.files[0], threads=threads)

    def layer_reader(self, artifact: Artifact, context: ConversionContext) -> LayerReader:  # noqa: ARG002
        """Find tensors by their names, which the writers of 8 and 16 bit keep or extend."""
        return OnnxLayerReader(artifact.files[0])


def _notes(source: Source) -> Iterator[Text]:
    operators = effective_operators(source)
    branches = sorted(_BRANCHES & operators.everywhere)
    if branches:
        yield say(
            "The model has branches or loops ({operators}): inside them only the weights get smaller, not the time.",
            operators=", ".join(branches),
        )
    if operators.foreign:
        yield say(
            "Some operators are not part of ONNX and stay as they are: {operators}.",
            operators=", ".join(operators.foreign),
        )


def tail_notes(cut: Cut | None) -> tuple[Text, ...]:
    """The note on the post-processing, which is attached again as it was."""
    if cut is None:
        return ()
    return (say("The end of the model ({operators}) stays in 32 bit.", operators=", ".join(cut.operators)),)


def refuse_unsupported(source: Source) -> None:
    """Refuse a source of which no smaller file can be made or compared.

    Raises:
        TargetRefused: it is 8 bit already, draws random numbers, or has no weights.
    """
    refuse_if_8_bit(source)
    refuse_if_random(source)
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
    path.write_bytes(serialize(model))
    return path
