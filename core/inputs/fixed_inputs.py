"""Inputs that are the same for every sample, such as a sample rate or a state, parsed from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import OptionError
from core.common.text import say
from core.inputs.arrays import MAX_BYTES
from core.onnx_model.source import Source, TensorInfo, shape_text

_FILLS = {"zeros": np.zeros, "ones": np.ones}


def fixed_inputs(source: Source, values: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Parse inputs that are the same for every sample.

    ``16000`` is a number that fills the input's shape, ``1,2,3`` a list, ``zeros:2,1,128`` and ``ones:2,1,128``
    a tensor of that shape, ``zeros`` one of the input's own shape. Free dimensions have the size 1 there.

    Args:
        source: the model.
        values: input name -> value as written.

    Raises:
        OptionError: there is no such input, or the value does not fit it.
    """
    inputs = {tensor.name: tensor for tensor in source.inputs}
    unknown = [name for name in values if name not in inputs]
    if unknown:
        raise OptionError(
            say('The model has no input "{name}".', name=unknown[0]),
            next_step=say("Its inputs are: {names}.", names=", ".join(inputs)),
        )
    return {name: _value(inputs[name], text) for name, text in values.items()}


def _value(tensor: TensorInfo, text: str) -> NDArray[Any]:
    try:
        value = _parse(tensor, text.strip())
    except (ValueError, TypeError, OverflowError, MemoryError) as exc:
        raise _does_not_fit(tensor, text, repr(exc)) from exc
    if not tensor.accepts(value.shape) or value.nbytes > MAX_BYTES:
        raise _does_not_fit(tensor, text, shape_text(value.shape))
    return value


def _does_not_fit(tensor: TensorInfo, text: str, detail: str) -> OptionError:
    reason = say(
        'The value "{value}" does not fit the input "{name}", which takes {shape} of the type {dtype}.',
        value=text,
        name=tensor.name,
        shape=shape_text(tensor.shape),
        dtype=tensor.dtype,
    )
    return OptionError(
        reason,
        next_step=say("Give a number, numbers with commas between them, or a filled shape such as zeros:2,1,128."),
        detail=detail,
    )


def _parse(tensor: TensorInfo, text: str) -> NDArray[Any]:
    shape = tuple(size if isinstance(size, int) else 1 for size in tensor.shape)
    dtype = np.dtype(tensor.dtype)
    fill, _, sizes = text.partition(":")
    if fill in _FILLS:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else shape
        if any(size < 0 for size in shape) or np.prod(shape, dtype=np.float64) > MAX_BYTES:
            raise ValueError(shape)
        return _FILLS[fill](shape, dtype)
    numbers = np.array([float(number) for number in text.split(",")])
    with np.errstate(invalid="ignore", over="ignore"):
        typed = numbers.astype(dtype)
    if np.issubdtype(dtype, np.integer) and not np.array_equal(typed, numbers):
        raise ValueError(f"{text} is not of the type {dtype}")
    if numbers.size == 1:
        return np.full(shape, typed[0], dtype)
    free = [index for index, size in enumerate(tensor.shape) if isinstance(size, str)]
    if len(free) == 1:
        shape = tuple(-1 if index == free[0] else size for index, size in enumerate(shape))
    return typed.reshape(shape)
