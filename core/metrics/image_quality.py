"""How alike two images are: SSIM, PSNR, and the errors of depth maps; how alike the channels of one are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_WINDOW = 7
_K1, _K2 = 0.01, 0.03
_LEAST_DEPTH = 1e-6


def ssim(image: NDArray[np.float32], other: NDArray[np.float32], value_range: float) -> float:
    """Structural similarity (Wang et al., 2004) with a uniform window of 7 x 7, mean over all channels.

    Args:
        image: shape (height, width, channels).
        other: of the same shape.
        value_range: difference of the largest and the smallest value that are possible.
    """
    window = min(_WINDOW, image.shape[0], image.shape[1])
    c1, c2 = (_K1 * value_range) ** 2, (_K2 * value_range) ** 2
    a, b = image.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _window_mean(a, window), _window_mean(b, window)
    variance_a = _window_mean(a * a, window) - mean_a**2
    variance_b = _window_mean(b * b, window) - mean_b**2
    covariance = _window_mean(a * b, window) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(np.mean(numerator / denominator))


def psnr_db(image: NDArray[np.float32], other: NDArray[np.float32], value_range: float) -> float:
    """Peak signal to noise ratio in dB, at most 100.

    Args:
        image: any shape.
        other: of the same shape.
        value_range: the peak.
    """
    error = float(np.mean((image.astype(np.float64) - other.astype(np.float64)) ** 2))
    return 100.0 if error == 0.0 else min(100.0, 10 * math.log10(max(value_range, 1e-30) ** 2 / error))


def depth_errors(depth: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Mean relative error, and the share of pixels whose ratio is below 1.25 (Eigen et al., 2014)."""
    a = np.maximum(depth.astype(np.float64), _LEAST_DEPTH)
    b = np.maximum(other.astype(np.float64), _LEAST_DEPTH)
    return float(np.mean(np.abs(a - b) / a)), float(np.mean(np.maximum(a / b, b / a) < 1.25))


def channel_correlation(image: NDArray[np.float32]) -> float:
    """Mean correlation of each channel with each other one.

    Those of pictures rise and fall together with the light, those of classes compete for each pixel.

    Args:
        image: shape (channels, height, width), at least two channels.

    Returns:
        -1 to 1; 0 where a channel is the same everywhere.
    """
    channels = image.reshape(len(image), -1).astype(np.float64)
    channels = channels - channels.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(channels, axis=1)
    products = channels @ channels.T / np.maximum(np.outer(lengths, lengths), 1e-30)
    return float(products[np.triu_indices(len(image), 1)].mean())


def _window_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean of each window that lies inside, by sums over the rectangles from the corner."""
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    inside = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
    return np.asarray(inside / (window * window))
