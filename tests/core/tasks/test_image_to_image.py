import base64
import io

import numpy as np
import pytest
from PIL import Image

from core.common.text import say
from core.metrics.image_quality import channel_correlation, depth_errors, psnr_db, ssim
from core.preprocessing import Placement
from core.tasks.image_to_image import ImageToImage

RANDOM = np.random.default_rng(0)


def plain_ssim(a, b, value_range, window=7):
    """Window by window."""
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    values = []
    for top in range(a.shape[0] - window + 1):
        for left in range(a.shape[1] - window + 1):
            for channel in range(a.shape[2]):
                x = a[top : top + window, left : left + window, channel].astype(np.float64)
                y = b[top : top + window, left : left + window, channel].astype(np.float64)
                covariance = ((x - x.mean()) * (y - y.mean())).mean()
                values.append(
                    (2 * x.mean() * y.mean() + c1)
                    * (2 * covariance + c2)
                    / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (x.var() + y.var() + c2))
                )
    return np.mean(values)


def test_ssim_is_the_mean_over_all_windows():
    a = RANDOM.random((12, 15, 2)).astype(np.float32)
    b = (a + 0.2 * RANDOM.random((12, 15, 2))).astype(np.float32)
    assert ssim(a, b, 1.0) == pytest.approx(plain_ssim(a, b, 1.0), abs=1e-6)
    assert ssim(a, a, 1.0) == pytest.approx(1.0)


def test_psnr_and_the_errors_of_depth_follow_their_definitions():
    a, b = np.full((4, 4, 1), 2.0, np.float32), np.full((4, 4, 1), 2.2, np.float32)
    assert psnr_db(a, b, 10.0) == pytest.approx(10 * np.log10(100 / 0.04), rel=1e-5) and psnr_db(a, a, 1.0) == 100.0
    assert depth_errors(a, b) == (pytest.approx(0.1, rel=1e-5), 1.0)
    assert depth_errors(a, 2 * a) == (pytest.approx(1.0), 0.0)


def test_the_correlation_of_channels_is_the_mean_over_all_pairs():
    image = RANDOM.random((3, 9, 7)).astype(np.float32)
    table = np.corrcoef(image.reshape(3, -1).astype(np.float64))
    expected = (table[0, 1] + table[0, 2] + table[1, 2]) / 3
    assert channel_correlation(image) == pytest.approx(expected, abs=1e-9)
    assert channel_correlation(np.ones((2, 4, 4), np.float32)) == 0.0


def test_channels_may_come_last():
    image = RANDOM.random((1, 3, 8, 6)).astype(np.float32)
    first, last = (ImageToImage("y", channels_last=is_last, reason=say("Done.")) for is_last in (False, True))
    one = first.decode({"y": image}, Placement.identity((8, 6))).pixels
    other = last.decode({"y": np.moveaxis(image, 1, -1)}, Placement.identity((8, 6))).pixels
    assert one.shape == (8, 6, 3) and (one == other).all()


def test_agreement_is_the_mean_ssim_with_the_figures_of_depth_beside_it():
    task = ImageToImage("y", is_depth=True, reason=say("Done."))
    depth = RANDOM.random((1, 32, 32)).astype(np.float32) + 1
    source, other = (task.decode({"y": each}, Placement.identity((32, 32))) for each in (depth, 1.1 * depth))
    metric = task.agreement()
    metric.update(source, other)
    agreement = metric.compute()
    assert agreement.metric == "ssim" and 0 < agreement.value < 1
    assert set(agreement.details) == {"psnr_db", "abs_rel", "delta_125"}
    assert agreement.details["abs_rel"] == pytest.approx(0.1, rel=1e-3)


def test_a_picture_is_stored_small():
    task = ImageToImage("y", reason=say("Done."))
    data = task.to_json(task.decode({"y": RANDOM.random((1, 3, 600, 300))}, Placement.identity((600, 300))))
    with Image.open(io.BytesIO(base64.b64decode(data["jpeg"]))) as picture:
        assert max(picture.size) <= 256 and picture.mode == "RGB"
