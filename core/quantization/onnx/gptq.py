"""Round weights to 8 bit so that the layer's answers, not the weights, change least."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from core.quantization.observers.ranges import SYMMETRIC_STEPS

_DAMPINGS = (0.01, 0.1, 1.0)
"""Added to the diagonal, as a share of its mean: columns that were never seen must not be free to run away.
The larger ones are for matrices that rounding errors have made indefinite."""

_STRIP = 32
"""Columns after which the rest of the matrix is brought up to date, in one product instead of one a column."""


def gptq_round(
    weights: NDArray[np.float32],
    scales: NDArray[np.float32],
    products: NDArray[np.float64],
    *,
    bounds: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> NDArray[np.int8]:
    """Round column by column, each error made good by the columns that come after it.

    Source: Frantar et al., GPTQ (2023), after Hassibi and Stork, Optimal Brain Surgeon (1993). The
    error of a layer's answers is a quadratic form of the weights' errors with the inputs' mean
    products as its matrix, so the best correction of the weights left has a closed form.

    Args:
        weights: (blocks, outputs, columns).
        scales: (blocks or 1, outputs): the value of one step.
        products: (blocks, columns, columns): mean products, or covariances where the mean error is
            made good by a bias.
        bounds: the least and the greatest number of steps of each weight, of the weights' shape; -127 and 127 if None.

    Returns:
        Steps within the bounds, of the shape of the weights.
    """
    columns = weights.shape[2]
    diagonal = np.einsum("bii->bi", products)
    order = np.argsort(-diagonal.mean(axis=0), kind="stable")  # the most used first: most is left to make good
    factor = _factor(products[:, order][:, :, order]).astype(np.float32)
    alive = scales[:, :, np.newaxis] > np.finfo(np.float32).tiny  # smaller ones divide to nonsense
    ratios = np.divide(weights, scales[:, :, np.newaxis], where=alive, out=np.zeros_like(weights))
    left = np.ascontiguousarray(ratios[:, :, order], np.float32)
    most = np.full(weights.shape, SYMMETRIC_STEPS, np.float32)
    lower, upper = (limit[:, :, order] for limit in bounds or (-most, most))
    rounded = np.empty_like(left)
    for start in range(0, columns, _STRIP):
        end = min(start + _STRIP, columns)
        strip = np.s_[:, :, start:end]
        errors = _round_strip(
            left[strip], rounded[strip], factor[:, start:end, start:end], (lower[strip], upper[strip])
        )
        left[:, :, end:] -= errors @ factor[:, start:end, end:]
    return rounded[:, :, np.argsort(order)].astype(np.int8)


def _round_strip(
    left: NDArray[np.float32],
    rounded: NDArray[np.float32],
    factor: NDArray[np.float32],
    bounds: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Round a few columns in place; return each column's error over its own entry of the factor."""
    errors = np.empty_like(left)
    for column in range(left.shape[2]):
        steps = np.rint(left[:, :, column])
        rounded[:, :, column] = np.clip(steps, bounds[0][:, :, column], bounds[1][:, :, column])
        error = (left[:, :, column] - rounded[:, :, column]) / factor[:, column, column, np.newaxis]
        errors[:, :, column] = error
        left[:, :, column:] -= error[:, :, np.newaxis] * factor[:, np.newaxis, column, column:]
    return errors


def _factor(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`_inverse_factor` with as little damping as it takes; else the identity, which rounds to the nearest."""
    if np.isfinite(products).all():
        diagonal = np.einsum("bii->bi", products).mean(axis=1, keepdims=True)
        places = np.arange(products.shape[1])
        for damping in _DAMPINGS:
            damped = products.copy()
            damped[:, places, places] += damping * diagonal + 1e-12
            with suppress(np.linalg.LinAlgError):
                return _inverse_factor(damped)
    return np.broadcast_to(np.eye(products.shape[1]), products.shape)


def _inverse_factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper triangular U of each block with U^T U the inverse.

    With the axes reversed, the Cholesky factor of the matrix itself gives it by one inversion of a triangle.
    """
    lower = np.linalg.cholesky(matrix[:, ::-1, ::-1])
    return np.ascontiguousarray(np.linalg.inv(lower)[:, ::-1, ::-1])
