import numpy as np

from core.tasks.heads.boxes import are_shares, to_corners, to_pixels, x_first


def test_a_centre_and_a_size_become_two_corners():
    assert to_corners(np.array([[10, 20, 4, 6]], np.float32)).tolist() == [[8, 17, 12, 23]]


def test_shares_of_a_wide_input_become_pixels():
    assert to_pixels(np.array([[0.5, 0.5, 1, 1]], np.float32), (100, 200)).tolist() == [[100, 50, 200, 100]]


def test_boxes_of_tensorflow_get_x_before_y():
    assert x_first(np.array([[1, 2, 3, 4]], np.float32)).tolist() == [[2, 1, 4, 3]]


def test_no_boxes_stay_no_boxes():
    none = np.zeros((0, 4), np.float32)
    assert to_corners(none).shape == to_pixels(none, (8, 8)).shape == x_first(none).shape == (0, 4)


def test_shares_are_told_from_pixels_even_with_padding_and_outliers():
    shares = np.array([[0.1, 0.2, 0.9, 1.1], [0, 0, 0, 0], [0.3, 0.1, 0.2, 2.0]], np.float32)
    pixels = np.array([[0.4, 0.0, 30, 40], [0, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    assert are_shares(shares) and not are_shares(pixels)


def test_without_any_box_coordinates_are_pixels():
    assert not are_shares(np.zeros((3, 4), np.float32))
