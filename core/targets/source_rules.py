"""Sources that targets refuse: reduced already, or not comparable."""

from __future__ import annotations

from core.common.errors import TargetRefused
from core.common.text import say
from core.onnx_model.normalize.effective import effective_operators
from core.onnx_model.source import Source, quantized_operators

_RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)


def refuse_if_8_bit(source: Source) -> None:
    """Refuse a source that is quantised already, unless it is turned back into 32 bit first.

    Raises:
        TargetRefused: it computes in 8 bit, and that is not wanted otherwise or cannot be undone.
    """
    if not source.is_quantized:
        return
    if not source.dequantize:
        raise TargetRefused(
            say("This model is already an 8 bit model; reducing it again would only lose accuracy."),
            next_step=say(
                "Pick the original model from before it was quantised. Without it, have this one turned back to 32 bit "
                "first: tick that box below the model, or add --dequantize to the command."
            ),
        )
    left = quantized_operators(effective_operators(source).everywhere)
    if left:
        raise TargetRefused(
            say(
                "These 8 bit steps of the model cannot be turned back to 32 bit: {operators}.",
                operators=", ".join(left),
            ),
            next_step=say("Pick the original model from before it was quantised."),
        )


def refuse_if_16_bit(source: Source) -> None:
    """Refuse a source of which a 16-bit file would be nothing new.

    Raises:
        TargetRefused: most of its weights are 16 bit.
    """
    if source.is_fp16:
        raise TargetRefused(
            say("This model is already a 16 bit model."),
            next_step=say("Pick the original 32 bit model, from which all files can be made."),
        )


def refuse_if_random(source: Source) -> None:
    """Refuse a source whose outputs differ from run to run, since no file could be compared with it.

    Raises:
        TargetRefused: it draws random numbers.
    """
    drawing = sorted(_RANDOM & effective_operators(source).everywhere)
    if drawing:
        raise TargetRefused(
            say(
                "This model draws random numbers ({operators}), so its answers differ each time and "
                "cannot be compared.",
                operators=", ".join(drawing),
            ),
            next_step=say("Export the model with the noise as an input, or without it."),
        )
