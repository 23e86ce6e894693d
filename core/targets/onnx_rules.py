"""What the three ONNX targets share: whom they refuse, and how they write."""

from __future__ import annotations

from pathlib import Path

import onnx

from core.errors import ConversionError, TargetRefused
from core.source import Source
from core.text import say

_PROTOBUF_LIMIT = 2**31 - 1

_RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)


def refuse_if_reduced(source: Source) -> None:
    """Refuse a source that somebody already made small.

    Raises:
        TargetRefused: it already computes in 8 bit, or its weights already are 16 bit.
    """
    if source.is_quantised:
        raise TargetRefused(
            say("This model is already an 8 bit model; reducing it again would only lose accuracy."),
            next_step=say("Pick the original model from before it was quantised."),
        )
    if source.is_half:
        raise TargetRefused(
            say("This model is already a 16 bit model."),
            next_step=say("Pick the original 32 bit model, from which all files can be made."),
        )


def refuse_unfit(source: Source) -> None:
    """Refuse a source of which no smaller file can be made, or of which none could be checked.

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


def refuse_if_random(source: Source) -> None:
    """Refuse a source that answers differently each time, since no file could be held against it.

    Raises:
        TargetRefused: it draws random numbers.
    """
    drawing = sorted(_RANDOM & set(source.operators))
    if drawing:
        raise TargetRefused(
            say(
                "This model draws random numbers ({operators}), so its answers differ each time and "
                "cannot be compared.",
                operators=", ".join(drawing),
            ),
            next_step=say("Export the model with the noise as an input, or without it."),
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
