"""Check the types of a model's inputs and outputs: tensors of numbers that numpy has a type for."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto

from core.common.errors import SourceError
from core.common.text import Text, say

_SUPPORTED = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL}
    | {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
    | {TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
    | {TensorProto.UNDEFINED}  # onnxruntime may infer it
)

_OTHER_TYPES = {
    "sequence_type": say("a list"),
    "map_type": say("a dictionary"),
    "optional_type": say("a value that may be missing"),
    "sparse_tensor_type": say("a sparse tensor"),
}


def check_types(values: Iterable[onnx.ValueInfoProto]) -> None:
    """Check the types of a model's inputs and outputs.

    Raises:
        SourceError: one of them is not a tensor, or holds text or a number type that numpy lacks.
    """
    for value in values:
        kind = value.type.WhichOneof("value")
        if kind in _OTHER_TYPES:
            raise _unsupported(value.name, _OTHER_TYPES[kind], _advice_for_tensors())
        element = value.type.tensor_type.elem_type
        if element == TensorProto.STRING:
            raise _unsupported(value.name, say("text"), _advice_for_numbers())
        if element not in _SUPPORTED:
            kind_text = say("of the type {type}", type=_name(element))
            raise _unsupported(value.name, kind_text, say("Export the model with inputs and outputs of 32 bit."))


def _unsupported(name: str, kind: Text, next_step: Text) -> SourceError:
    return SourceError(
        say(
            'The input or output "{name}" is {kind}; only tensors of numbers can be worked with.', name=name, kind=kind
        ),
        next_step=next_step,
    )


def _advice_for_tensors() -> Text:
    return say("Export the model so that it takes and gives plain tensors (for scikit-learn: with zipmap=False).")


def _advice_for_numbers() -> Text:
    return say("Export the part of the model that works with numbers, without the steps that read or write text.")


def _name(element: int) -> str:
    return TensorProto.DataType.Name(element).lower() if element in TensorProto.DataType.values() else str(element)
