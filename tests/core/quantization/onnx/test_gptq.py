"""GPTQ against rounding to the nearest integer."""

import numpy as np
import pytest

from core.quantization.observers.input_moments import InputMoments
from core.quantization.onnx.gptq import gptq_round


def layer(blocks=2, outputs=6, columns=40, seed=0):
    """Weights, scales, and correlated inputs, as neighbouring pixels and channels are."""
    random = np.random.default_rng(seed)
    weights = random.standard_normal((blocks, outputs, columns)).astype(np.float32)
    scales = np.abs(weights).max(axis=2) / 127 * 8
    mixing = random.standard_normal((blocks, columns // 4, columns))
    rows = random.standard_normal((blocks, 2000, columns // 4)) @ mixing + 0.1
    return weights, scales.astype(np.float32), rows.astype(np.float32)


def moments(rows):
    observer = InputMoments()
    observer.update(rows)
    return observer


def error(rows, weights, integers, scales):
    difference = weights - integers * scales[:, :, np.newaxis]
    return float((np.einsum("bnc,boc->bno", rows, difference) ** 2).sum())


def test_outputs_change_much_less_than_with_the_nearest_integers():
    weights, scales, rows = layer()
    ours = gptq_round(weights, scales, moments(rows).products)
    nearest = np.rint(weights / scales[:, :, np.newaxis])
    assert error(rows, weights, ours, scales) < 0.4 * error(rows, weights, nearest, scales)


def test_uncorrelated_inputs_give_the_nearest_integers():
    weights, scales, _ = layer()
    hessian = np.broadcast_to(np.eye(40), (2, 40, 40))
    nearest = np.rint(weights / scales[:, :, np.newaxis])
    assert np.array_equal(gptq_round(weights, scales, hessian), nearest)


def test_integers_fit_into_8_bits_and_inputs_that_are_always_0_do_no_harm():
    weights, scales, rows = layer()
    rows[:, :, :5] = 0
    integers = gptq_round(weights, scales / 8, moments(rows).products)
    assert integers.dtype == np.int8 and integers.min() >= -127
    assert np.abs(integers[:, :, :5] - weights[:, :, :5] / scales[:, :, np.newaxis] * 8).max() <= 0.51


def test_a_dead_output_channel_becomes_zeros():
    weights, scales, rows = layer()
    weights[:, 2], scales[:, 2] = 1e-41, 0
    integers = gptq_round(weights, scales, moments(rows).products)
    assert not integers[:, 2].any() and integers[:, 1].any()


@pytest.mark.parametrize("spoil", [np.nan, -50.0], ids=["overflow", "indefinite"])
def test_a_hessian_that_is_not_finite_or_not_definite_still_gives_good_weights(spoil):
    weights, scales, rows = layer()
    hessian = moments(rows).products
    hessian[0, 3, 4] = hessian[0, 4, 3] = spoil * hessian[0].diagonal().mean()
    integers = gptq_round(weights, scales, hessian)
    assert np.abs(integers * scales[:, :, np.newaxis] - weights).max() < 20 * scales.max()
    assert error(rows, weights, integers, scales) < 1.5 * error(
        rows, weights, np.rint(weights / scales[:, :, np.newaxis]), scales
    )


def test_integers_stay_within_their_bounds_and_the_others_compensate():
    weights, scales, rows = layer()
    upper = np.full(weights.shape, 6, np.float32)
    cut = np.clip(np.rint(weights / scales[:, :, np.newaxis]), -6, 6)
    integers = gptq_round(weights, scales, moments(rows).products, bounds=(-upper, upper))
    assert np.abs(integers).max() <= 6
    assert error(rows, weights, integers, scales) < 0.5 * error(rows, weights, cut, scales)
