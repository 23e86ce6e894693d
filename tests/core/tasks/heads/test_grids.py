import numpy as np
import pytest

from core.tasks.heads.grids import from_centres, from_priors, points, pyramid, rows, with_scores

SIZE = (100, 50)


def outputs(**shapes):
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_outputs_are_sorted_by_stride_and_kind():
    found = pyramid(
        outputs(b16=(1, 4, 7, 4), a8=(1, 80, 13, 7), a16=(1, 80, 7, 4), b8=(1, 4, 13, 7)), SIZE
    )  # the order inside a stride must be the same
    assert found is None
    found = pyramid(outputs(a16=(1, 80, 7, 4), a8=(1, 80, 13, 7), b16=(1, 4, 7, 4), b8=(1, 4, 13, 7)), SIZE)
    assert found.strides == (8, 16) and found.channels == (80, 4)
    assert found.groups == (("a8", "a16"), ("b8", "b16"))


def test_lists_belong_to_the_stride_whose_cells_they_count():
    found = pyramid(outputs(a=(91 * 2, 1), b=(28 * 2, 1)), SIZE, per_cell=2)
    assert (found.strides, found.groups, found.channels) == ((8, 16), (("a", "b"),), (1,))
    assert pyramid(outputs(a=(91 * 2, 1), b=(28 * 2, 1)), SIZE) is None


def test_gaps_and_single_strides_are_no_pyramid():
    assert pyramid(outputs(a=(1, 4, 13, 7)), SIZE) is None
    assert pyramid(outputs(a=(1, 4, 13, 7), b=(1, 4, 4, 2)), SIZE) is None
    assert pyramid(outputs(a=(1, 4, 13, 7), b=(1, 3, 7, 4)), SIZE) is None
    assert pyramid({}, SIZE) is None


def test_rows_follow_the_cells():
    values = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(1, 6, 2, 2)
    found = rows({"a": values, "b": np.full((2, 3), -1), "c": np.full((1, 1, 3), -2)}, ("a", "b", "c"), 3)
    assert found.shape == (8 + 2 + 1, 3)
    assert found[0].tolist() == [values[0, channel, 0, 0] for channel in (0, 1, 2)]
    assert found[3].tolist() == [values[0, channel, 0, 1] for channel in (3, 4, 5)]
    assert found[8:].tolist() == [[-1] * 3, [-1] * 3, [-2] * 3]


def test_points_are_counted_row_by_row_and_repeated():
    places, strides = points((32, 32), (16, 32), offset=0.5, per_cell=2)
    assert places.tolist() == [[8, 8], [8, 8], [24, 8], [24, 8], [8, 24], [8, 24], [24, 24], [24, 24], *[[16, 16]] * 2]
    assert strides.ravel().tolist() == [16] * 8 + [32] * 2


def test_sizes_stay_finite():
    huge = np.array([[0, 0, 1000, 1000]], np.float32)
    one = np.array([[8]], np.float32)
    assert np.isfinite(from_centres(np.zeros((1, 2), np.float32), one, huge)).all()
    assert np.isfinite(from_priors(np.ones((1, 4), np.float32), huge, (0.1, 0.2))).all()


@pytest.mark.parametrize("count", [0, 3])
def test_points_have_a_score_of_one(count):
    found = with_scores(np.full((count, 10), 5, np.float32))
    assert found.shape == (count, 5, 3) and (found[..., :2] == 5).all() and (found[..., 2] == 1).all()
