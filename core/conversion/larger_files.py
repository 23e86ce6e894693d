"""Why a file is larger than its source."""

from __future__ import annotations

import onnx

from core.common.text import Text, say
from core.onnx_model.shared_weights import repeated_bytes
from core.onnx_model.source import Source

_DESCRIPTION_BYTES = 1 << 16
"""Bytes that names, sizes and scales of layers may take up in a file of a small model."""


def why_larger(size_bytes: int, source: Source) -> Text:
    """A sentence for people.

    Args:
        size_bytes: of the file, which is larger.
        source: what it was made from.
    """
    if source.is_fp16:
        return say("The file is larger than the original, whose weights are 16 bit.")
    if source.is_quantized:
        return say("The file is larger than the original, whose weights are 8 bit.")
    growth = size_bytes - source.size_bytes
    if growth <= _DESCRIPTION_BYTES:
        return say(
            "The file is larger than the original: its weights are few, and describing the layers takes up more."
        )
    if 2 * repeated_bytes(onnx.load(source.path, load_external_data=False)) > growth:
        return say("The file is larger than the original: layers that share their weights there have their own here.")
    return say(
        "The file is larger than the original, which computes some of its numbers anew at each start; here they are "
        "stored."
    )
