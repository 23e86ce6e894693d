"""An ONNX model as the bytes of a file, which cannot hold more than protobuf's 2 GB."""

from __future__ import annotations

import onnx
from google.protobuf.message import EncodeError

from core.common.errors import ConversionError
from core.common.text import say

MAX_BYTES = 2**31 - 1
"""Of one ONNX file."""


def serialize(model: onnx.ModelProto) -> bytes:
    """The file's content.

    Raises:
        ConversionError: it is larger than an ONNX file can be.
    """
    content: bytes | None
    try:
        content = model.SerializeToString()
    except (EncodeError, ValueError):  # which of the two depends on protobuf's build
        content = None
    if content is None or len(content) > MAX_BYTES:
        raise ConversionError(
            say("The result is larger than the 2 GB that one ONNX file can hold."),
            next_step=say("Use a smaller variant of the model; edge devices need one anyway."),
        )
    return content


def byte_size(model: onnx.ModelProto) -> int:
    """Of the file; ``MAX_BYTES + 1`` where it is larger, which protobuf does not count."""
    try:
        return int(model.ByteSize())
    except (EncodeError, ValueError):
        return MAX_BYTES + 1
