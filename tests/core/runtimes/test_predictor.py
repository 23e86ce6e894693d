import numpy as np
import pytest

from core.runtimes.predictor import all_finite


@pytest.mark.parametrize(
    ("tensor", "finite"),
    [
        (np.float32([1, 2]), True),
        (np.float16([np.nan, 2]), False),
        (np.float64([1, -np.inf]), False),
        (np.int64([1, 2]), True),
        (np.bool_([True]), True),
        (np.zeros(0, np.float32), True),
    ],
)
def test_nan_and_infinity_are_not_finite(tensor, finite):
    assert all_finite({"a": np.float32([0]), "b": tensor}) == finite
