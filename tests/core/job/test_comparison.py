import pytest

from core.job.comparison import OutputDifference


@pytest.mark.parametrize(
    ("cosine", "sqnr_db", "largest", "within"),
    [
        (0.9999, 37.0, 0.1, True),
        (0.99, 17.0, 0.1, False),
        (1.0, 9.0, 0.1, False),  # the right direction at two thirds of the scale
        (0.4, -3.0, 1e-7, True),  # rounding errors where the source is nearly zero
        (1.0, float("inf"), 0.0, True),
    ],
)
def test_close_enough_means_direction_and_scale(cosine, sqnr_db, largest, within):
    assert OutputDifference("y", cosine, sqnr_db, largest).is_within(0.999) is within
