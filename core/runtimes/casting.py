"""Casting of tensors to the element types of a model's inputs, without ever clipping or rounding to a loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from core.common.errors import EdgePressError
from core.common.text import say
from core.runtimes.predictor import Tensor

_ROUNDING = 1e-3
"""Distance from a whole number that still counts as the error of a computation in floats."""


def cast(
    tensor: Tensor, dtype: DTypeLike, name: str, *, error: type[EdgePressError], next_step: str = "arrays"
) -> Tensor:
    """The tensor in another element type.

    Args:
        tensor: of any type of numbers.
        dtype: the input's.
        name: of the input, for the message.
        error: what is raised.
        next_step: ``arrays`` or ``pictures``, by what the numbers came from.

    Raises:
        EdgePressError: of the type ``error``; it is an integer type, and a number lies outside of it or is not whole.
    """
    wanted: np.dtype[Any] = np.dtype(dtype)
    if tensor.dtype == wanted:
        return tensor
    if wanted.kind in "iu" and tensor.size and tensor.dtype.kind in "iuf":
        _check_fits(tensor, wanted, name, error, next_step)
    return (np.rint(tensor) if wanted.kind in "iu" and tensor.dtype.kind == "f" else tensor).astype(wanted)


def _check_fits(tensor: Tensor, wanted: np.dtype[Any], name: str, error: type[EdgePressError], next_step: str) -> None:
    limits = np.iinfo(wanted)
    low, high = tensor.min(), tensor.max()
    # Written so that NaN does not fit either.
    is_inside = low >= limits.min - _ROUNDING and high <= limits.max + _ROUNDING
    is_whole = tensor.dtype.kind != "f" or bool((np.abs(tensor - np.rint(tensor)) <= _ROUNDING).all())
    if is_inside and is_whole:
        return
    raise error(
        say(
            'The input "{name}" takes whole numbers from {least} to {most} ({dtype}), but was given numbers from '
            "{low} to {high}, which would be cut off or rounded.",
            name=name,
            least=limits.min,
            most=limits.max,
            dtype=wanted.name,
            low=f"{low:g}",
            high=f"{high:g}",
        ),
        next_step=say("Set mean and std so that pictures keep whole numbers: mean 0 and std 1 for 0 to 255.")
        if next_step == "pictures"
        else say("Save the arrays with the numbers and the type that this input takes."),
    )
