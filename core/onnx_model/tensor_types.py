"""What can be fed to a model and read from it here: tensors of numbers that numpy knows."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto

from core.common.errors import SourceError
from core.common.text import Text, say

_KNOWN = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL}
    | {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
    | {TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
    | {TensorProto.UNDEFINED}  # the runtime may find it out
)

_KINDS = {
    "sequence_type": say("a list"),
    "map_type": say("a dictionary"),
    "optional_type": say("a value that may be missing"),
    "sparse_tensor_type": say("a sparse tensor"),
}


def check_types(values: Iterable[onnx.ValueInfoProto]) -> None:
    """Look at the types of a model's inputs and outputs.

    Raises:
        SourceError: one of them is no tensor, or holds text or numbers that numpy does not know.
    """
    for value in values:
        if not isinstance(value.name, str):  # protobuf gives bytes where a name is no text
            raise SourceError(
                say("The name of an input or output of the model is no text, so the file is damaged."),
                next_step=say("Pick another file, or export or download the model again."),
            )
        kind = value.type.WhichOneof("value")
        if kind in _KINDS:
            raise _unusual(value.name, _KINDS[kind], _as_tensors())
        element = value.type.tensor_type.elem_type
        if element == TensorProto.STRING:
            raise _unusual(value.name, say("text"), _as_numbers())
        if element not in _KNOWN:
            words = say("of the type {type}", type=_name(element))
            raise _unusual(value.name, words, say("Export the model with inputs and outputs of 32 bit."))


def _unusual(name: str, kind: Text, next_step: Text) -> SourceError:
    return SourceError(
        say(
            'The input or output "{name}" is {kind}; only tensors of numbers can be worked with.', name=name, kind=kind
        ),
        next_step=next_step,
    )


def _as_tensors() -> Text:
    return say("Export the model so that it takes and gives plain tensors (for scikit-learn: with zipmap=False).")


def _as_numbers() -> Text:
    return say("Export the part of the model that works with numbers, without the steps that read or write text.")


def _name(element: int) -> str:
    return TensorProto.DataType.Name(element).lower() if element in TensorProto.DataType.values() else str(element)
