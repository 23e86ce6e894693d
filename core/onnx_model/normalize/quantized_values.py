"""The arithmetic of quantised tensors: number = scale x (integer - zero point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scale:
    """The tensors by which the integers of another one are read."""

    scale: str
    zero_point: str = ""
    """Empty where it is 0."""

    axis: int = 1
    """Of a scale for each channel."""

    block: int = 0
    """Elements along the axis that share one scale; 0: no blocks."""


def to_numbers(
    integers: NDArray[Any], scale: NDArray[Any], zero_point: NDArray[Any] | None, *, axis: int, block: int
) -> NDArray[Any]:
    """What DequantizeLinear computes.

    Args:
        integers: of any type, floats of 8 bit too.
        scale: one for all, one for each channel, or one for each block.
        zero_point: of the scale's shape; None for 0.
        axis: of the channels or blocks.
        block: size of a block; 0 for none.

    Returns:
        Numbers of the scale's type.
    """
    wide = integers.astype(np.float64)
    if zero_point is not None:
        wide = wide - _spread(zero_point, integers.shape, axis, block).astype(np.float64)
    return np.asarray(wide * _spread(scale, integers.shape, axis, block).astype(np.float64)).astype(scale.dtype)


def to_integers(
    numbers: NDArray[Any], scale: NDArray[Any], zero_point: NDArray[Any] | None, *, axis: int, block: int
) -> NDArray[Any]:
    """What QuantizeLinear computes: rounded to even, and saturated.

    Args:
        numbers: floats.
        scale: as in :func:`to_numbers`.
        zero_point: its type is that of the integers; None for unsigned ones of 8 bit.
        axis: likewise.
        block: likewise.

    Raises:
        ValueError: the type is none of whole numbers.
    """
    zero_point = np.zeros(1, np.uint8) if zero_point is None else zero_point
    limits = np.iinfo(zero_point.dtype)
    steps = np.rint(numbers / _spread(scale, numbers.shape, axis, block))
    shifted = steps + _spread(zero_point, numbers.shape, axis, block).astype(np.float64)
    return np.asarray(np.clip(shifted, limits.min, limits.max)).astype(zero_point.dtype)


def number_range(scale: NDArray[Any], zero_point: NDArray[Any] | None) -> tuple[float, float] | None:
    """Least and largest number that can be told by one scale; None for several, and for floats of 8 bit."""
    zero_point = np.zeros(1, np.uint8) if zero_point is None else zero_point
    if scale.size != 1 or zero_point.size != 1 or zero_point.dtype.kind not in "iu":
        return None
    limits, zero, step = np.iinfo(zero_point.dtype), int(zero_point.reshape(())), float(scale.reshape(()))
    return (limits.min - zero) * step, (limits.max - zero) * step


def _spread(parameter: NDArray[Any], shape: tuple[int, ...], axis: int, block: int) -> NDArray[Any]:
    """A parameter in a shape that broadcasts to the tensor's."""
    if parameter.size == 1:
        return parameter.reshape(())
    if block:
        return np.repeat(parameter, block, axis).take(range(shape[axis]), axis)
    if parameter.ndim > 1:
        return parameter
    axes = [1] * len(shape)
    axes[min(axis, len(shape) - 1)] = -1
    return parameter.reshape(axes)
