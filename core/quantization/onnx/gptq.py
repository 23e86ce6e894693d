"""GPTQ: round weights to 8 bit so that the layer's outputs, not the weights, change least."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from core.quantization.observers.ranges import INT8_MAX

_DAMPINGS = (0.01, 0.1, 1.0)
"""Added to the Hessian's diagonal, as a share of its mean: columns whose inputs were always 0 would be unbounded.
The larger ones are for matrices that rounding errors have made indefinite."""

_BLOCK_COLUMNS = 32
"""Columns after which the rest of the matrix is updated, in one product instead of one a column (GPTQ's lazy batch)."""


def gptq_round(
    weights: NDArray[np.float32],
    scales: NDArray[np.float32],
    hessian: NDArray[np.float64],
    *,
    bounds: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> NDArray[np.int8]:
    """Round column by column; each column's error is compensated by the columns after it.

    Source: Frantar et al., GPTQ (2023), after Hassibi and Stork, Optimal Brain Surgeon (1993). The squared error
    of a layer's outputs is a quadratic form of the weights' errors, with the mean products of the inputs as its
    matrix, so that the best correction of the remaining weights has a closed form.

    Args:
        weights: shape (blocks, outputs, columns).
        scales: shape (blocks or 1, outputs).
        hessian: shape (blocks, columns, columns), up to a factor: mean products of the inputs, or their covariance
            where a bias corrects the mean error.
        bounds: least and greatest integer of each weight, of the weights' shape; -127 and 127 if None.

    Returns:
        Integers within the bounds, of the shape of the weights.
    """
    columns = weights.shape[2]
    diagonal = np.einsum("bii->bi", hessian)
    order = np.argsort(-diagonal.mean(axis=0), kind="stable")  # largest inputs first: most columns left to compensate
    factor = _damped_inverse_factor(hessian[:, order][:, :, order]).astype(np.float32)
    remaining = np.ascontiguousarray(divide_by_scales(weights, scales)[:, :, order], np.float32)
    most = np.full(weights.shape, INT8_MAX, np.float32)
    lower, upper = (limit[:, :, order] for limit in bounds or (-most, most))
    rounded = np.empty_like(remaining)
    for start in range(0, columns, _BLOCK_COLUMNS):
        end = min(start + _BLOCK_COLUMNS, columns)
        block = np.s_[:, :, start:end]
        errors = _round_columns(
            remaining[block], rounded[block], factor[:, start:end, start:end], (lower[block], upper[block])
        )
        remaining[:, :, end:] -= errors @ factor[:, start:end, end:]
    return rounded[:, :, np.argsort(order)].astype(np.int8)


def divide_by_scales(weights: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights in quantisation steps; 0 where the scale is too small to divide by.

    Args:
        weights: shape (blocks, outputs, columns).
        scales: shape (blocks or 1, outputs).
    """
    usable = scales[:, :, np.newaxis] > np.finfo(np.float32).tiny
    return np.divide(weights, scales[:, :, np.newaxis], where=usable, out=np.zeros_like(weights))


def _round_columns(
    remaining: NDArray[np.float32],
    rounded: NDArray[np.float32],
    factor: NDArray[np.float32],
    bounds: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Round a few columns in place; return each column's error divided by its own entry of the factor."""
    errors = np.empty_like(remaining)
    for column in range(remaining.shape[2]):
        nearest = np.rint(remaining[:, :, column])
        rounded[:, :, column] = np.clip(nearest, bounds[0][:, :, column], bounds[1][:, :, column])
        error = (remaining[:, :, column] - rounded[:, :, column]) / factor[:, column, column, np.newaxis]
        errors[:, :, column] = error
        remaining[:, :, column:] -= error[:, :, np.newaxis] * factor[:, np.newaxis, column, column:]
    return errors


def _damped_inverse_factor(hessian: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`_inverse_factor` with as little damping as it takes; else the identity, which rounds to the nearest."""
    if np.isfinite(hessian).all():
        diagonal = np.einsum("bii->bi", hessian).mean(axis=1, keepdims=True)
        indices = np.arange(hessian.shape[1])
        for damping in _DAMPINGS:
            damped = hessian.copy()
            damped[:, indices, indices] += damping * diagonal + 1e-12
            with suppress(np.linalg.LinAlgError):
                return _inverse_factor(damped)
    return np.broadcast_to(np.eye(hessian.shape[1]), hessian.shape)


def _inverse_factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper triangular U of each block with U^T U the inverse of the matrix.

    With the axes reversed, U is the inverse of the matrix's own Cholesky factor: one triangular inversion.
    """
    lower = np.linalg.cholesky(matrix[:, ::-1, ::-1])
    return np.ascontiguousarray(np.linalg.inv(lower)[:, ::-1, ::-1])
