"""Turn a quantised source back into float, and measure how far its outputs are from those of the 8-bit model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from core.common.errors import ConversionError
from core.common.text import say
from core.isolation.trial import measure_similarity
from core.job.comparison import NEGLIGIBLE_DIFFERENCE, OutputDifference
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.boundary import SELECTING
from core.onnx_model.graph import all_nodes, copy_model
from core.onnx_model.normalize.dequantize import dequantize
from core.onnx_model.normalize.edit import drop_unused
from core.runtimes.predictor import Feeds, Tensor

DEQUANTIZED = say(
    "The 8 bit model was turned back to 32 bit first (dequantised). Its weights keep the values of 8 bit, so no file "
    "is more accurate than the 8 bit model."
)

LEAST_COSINE = 0.9
"""Below, the float model gives other answers than the 8-bit one."""

_CLOSE = 0.99
"""From here on no second way of dequantising is tried."""


@dataclass(frozen=True)
class Dequantized:
    """A source in float."""

    model: onnx.ModelProto
    cosine: float
    """The least of its outputs with the source's."""


def dequantize_source(model: onnx.ModelProto, feeds: Feeds, expected: Mapping[str, Tensor]) -> Dequantized | None:
    """Dequantise, without or with clipping of all activations, whichever is closer.

    Args:
        model: the source; it is not changed.
        feeds: one sample.
        expected: the source's outputs for it.

    Returns:
        None where the source holds nothing in 8 bit.

    Raises:
        ConversionError: neither way gives the source's answers.
    """
    best: Dequantized | None = None
    for saturate in (False, True):
        trial = copy_model(model)
        try:
            if not dequantize(trial, saturate=saturate):
                return None
        except Exception:  # noqa: BLE001 - damaged nodes may raise anything, here and in onnx
            break
        drop_unused(trial)
        cosine = _cosine(trial, [(feeds, expected)])
        if cosine is not None and (best is None or cosine > best.cosine):
            best = Dequantized(trial, cosine)
        if best is not None and best.cosine >= _CLOSE:
            return best
    if best is None:
        raise ConversionError(
            say("Turned back to 32 bit, the model does not run, or its outputs have other shapes."),
            next_step=say("Pick the original model from before it was quantised."),
        )
    if best.cosine < LEAST_COSINE:
        raise ConversionError(
            say(
                "Turned back to 32 bit, the model gives other answers than in 8 bit: their similarity is {cosine} of "
                "1, and at least {least} is needed.",
                cosine=f"{best.cosine:.3f}",
                least=LEAST_COSINE,
            ),
            next_step=say("Pick the original model from before it was quantised."),
        )
    return best


def _cosine(model: onnx.ModelProto, references: ReferenceSamples) -> float | None:
    """None where the model does not run.

    Outputs that are picked by value may differ in number and order: there only the comparison of answers tells.
    """
    if any(node.op_type in SELECTING for node in all_nodes(model.graph)):
        return LEAST_COSINE
    differences = measure_similarity(model, references)
    return None if differences is None else min(map(_cosine_of_output, differences))


def _cosine_of_output(output: OutputDifference) -> float:
    return 1.0 if output.largest <= NEGLIGIBLE_DIFFERENCE else output.worst.cosine
