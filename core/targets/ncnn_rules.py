"""What the three ncnn targets share: whom they refuse, and how they write."""

from __future__ import annotations

from pathlib import Path

from core.errors import TargetRefused
from core.ncnn.model import NcnnModel
from core.outcome import Artifact
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_if_random, refuse_if_reduced
from core.text import Text, say

_NEVER = frozenset({"If", "Loop", "Scan", "NonMaxSuppression", "NonZero", "Unique", "SequenceAt", "Optional"})
"""Operators that ncnn cannot have: its graph has no branches, and its sizes do not depend on values."""


def refuse_unfit(source: Source) -> None:
    """Refuse what ncnn cannot express, before pnnx is asked.

    Raises:
        TargetRefused: the source is 8 or 16 bit already, draws random numbers, has an operator that ncnn cannot have,
            or takes several pictures at once.
    """
    refuse_if_reduced(source)
    refuse_if_random(source)
    unfit = sorted(_NEVER & set(source.operators)) + list(source.foreign_operators)
    if unfit:
        raise TargetRefused(
            say("ncnn has nothing for these operators of the model: {operators}.", operators=", ".join(unfit)),
            next_step=say("Use the ONNX targets, or export the model without them (for detectors: without its NMS)."),
        )
    batches = [tensor.shape[0] for tensor in source.inputs if len(tensor.shape) == 4]
    if any(isinstance(batch, int) and batch != 1 for batch in batches):
        raise TargetRefused(
            say("ncnn takes one picture at a time, but this model takes {count}.", count=batches[0]),
            next_step=say("Export the model for one picture at a time (batch size 1)."),
        )


def write(
    model: NcnnModel, target: TargetId, *, folder: Path, names: tuple[str, ...], notes: tuple[Text, ...] = ()
) -> Artifact:
    """Write .param and .bin."""
    param_name, bin_name = names
    files = model.save(folder / param_name, folder / bin_name)
    return Artifact(target, files, model.inputs, model.outputs, notes)
