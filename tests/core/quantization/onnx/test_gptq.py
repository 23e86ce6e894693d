"""Rounding that looks at the answers, against rounding to the nearest number."""

import numpy as np
import pytest

from core.quantization.observers.moments import Moments
from core.quantization.onnx.gptq import gptq_round


def layer(blocks=2, outputs=6, columns=40, seed=0):
    """Weights, scales, and inputs that go together, as neighbouring pixels and channels do."""
    random = np.random.default_rng(seed)
    weights = random.standard_normal((blocks, outputs, columns)).astype(np.float32)
    scales = np.abs(weights).max(axis=2) / 127 * 8
    mixing = random.standard_normal((blocks, columns // 4, columns))
    rows = random.standard_normal((blocks, 2000, columns // 4)) @ mixing + 0.1
    return weights, scales.astype(np.float32), rows.astype(np.float32)


def moments(rows):
    taken = Moments()
    for start in range(0, rows.shape[1], 150):
        taken.add(rows[:, start : start + 150])
    return taken


def error(rows, weights, steps, scales):
    difference = weights - steps * scales[:, :, np.newaxis]
    return float((np.einsum("bnc,boc->bno", rows, difference) ** 2).sum())


def test_answers_change_much_less_than_with_the_nearest_numbers():
    weights, scales, rows = layer()
    ours = gptq_round(weights, scales, moments(rows).products)
    nearest = np.rint(weights / scales[:, :, np.newaxis])
    assert error(rows, weights, ours, scales) < 0.4 * error(rows, weights, nearest, scales)


def test_unrelated_inputs_give_the_nearest_numbers():
    weights, scales, _ = layer()
    products = np.broadcast_to(np.eye(40), (2, 40, 40))
    nearest = np.rint(weights / scales[:, :, np.newaxis])
    assert np.array_equal(gptq_round(weights, scales, products), nearest)


def test_weights_stay_within_8_bits_and_inputs_that_are_always_0_do_no_harm():
    weights, scales, rows = layer()
    rows[:, :, :5] = 0
    steps = gptq_round(weights, scales / 8, moments(rows).products)
    assert steps.dtype == np.int8 and steps.min() >= -127
    assert np.abs(steps[:, :, :5] - weights[:, :, :5] / scales[:, :, np.newaxis] * 8).max() <= 0.51


def test_a_dead_output_becomes_zeros():
    weights, scales, rows = layer()
    weights[:, 2], scales[:, 2] = 1e-41, 0
    steps = gptq_round(weights, scales, moments(rows).products)
    assert not steps[:, 2].any() and steps[:, 1].any()


def test_moments_do_not_depend_on_how_the_rows_come():
    _, _, rows = layer()
    taken = moments(rows)
    assert taken.means == pytest.approx(rows.mean(axis=1), abs=1e-4)
    assert taken.covariance[1] == pytest.approx(np.cov(rows[1].T, bias=True), rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("spoil", [np.nan, -50.0], ids=["no number", "indefinite"])
def test_products_that_rounding_errors_or_overflows_have_spoilt_still_give_good_weights(spoil):
    weights, scales, rows = layer()
    products = moments(rows).products
    products[0, 3, 4] = products[0, 4, 3] = spoil * products[0].diagonal().mean()
    steps = gptq_round(weights, scales, products)
    assert np.abs(steps * scales[:, :, np.newaxis] - weights).max() < 20 * scales.max()
    assert error(rows, weights, steps, scales) < 1.5 * error(
        rows, weights, np.rint(weights / scales[:, :, np.newaxis]), scales
    )


def test_weights_stay_within_their_bounds_and_the_others_make_good_what_that_costs():
    weights, scales, rows = layer()
    upper = np.full(weights.shape, 6, np.float32)
    cut = np.clip(np.rint(weights / scales[:, :, np.newaxis]), -6, 6)
    steps = gptq_round(weights, scales, moments(rows).products, bounds=(-upper, upper))
    assert np.abs(steps).max() <= 6
    assert error(rows, weights, steps, scales) < 0.5 * error(rows, weights, cut, scales)
