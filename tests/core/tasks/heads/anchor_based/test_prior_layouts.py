import math

import numpy as np
import pytest

from core.tasks.heads.anchor_based.prior_layouts import BY_LEVEL, FLAT, TENSORFLOW, flat_layout


@pytest.mark.parametrize(
    ("count", "side", "channels", "name"),
    [
        (8732, 300, 91, "SSD300"),
        (8732, 300, 21, "SSD300"),
        (24564, 512, 81, "SSD512"),
        (3000, 300, 21, "MobileNet-SSD"),
        (3234, 320, 91, "SSDLite"),
        (1917, 300, 91, "MobileNet-SSD (TensorFlow)"),
    ],
)
def test_the_number_of_boxes_gives_the_layout(count, side, channels, name):
    layout = flat_layout(count, (side, side), channels)
    assert layout.name == name and layout.priors().shape == (count, 4)
    assert flat_layout(count, (side, side + 32), channels) is None
    assert flat_layout(count + 1, (side, side), channels) is None


def test_the_sizes_of_voc_are_others():
    voc, coco = (flat_layout(8732, (300, 300), channels).priors() for channels in (21, 81))
    assert voc[0].tolist() == [4, 4, 30, 30] and coco[0].tolist() == [4, 4, 21, 21]


def test_a_cell_has_squares_then_wide_and_tall_boxes():
    layout = flat_layout(3000, (300, 300), 21)
    second = layout.priors()[6:12]  # the cell to the right of the first
    small, root2, root3 = 60, math.sqrt(2), math.sqrt(3)
    mean = math.sqrt(60 * 105)
    expected = [
        (small, small),
        (mean, mean),
        (small * root2, small / root2),
        (small / root2, small * root2),
        (small * root3, small / root3),
        (small / root3, small * root3),
    ]
    assert np.allclose(second[:, :2], (24, 8))
    assert np.allclose(second[:, 2:], expected, atol=1e-3)


def test_tensorflows_lowest_level_has_three_boxes_of_its_own():
    priors = TENSORFLOW.priors()
    middle = 300 / 19 / 2
    assert np.allclose(priors[0], (middle, middle, 30, 30), atol=1e-3)
    assert np.allclose(priors[1], (middle, middle, 60 * math.sqrt(2), 60 / math.sqrt(2)), atol=1e-3)
    # The second level: 0.35 of the input; last the mean with the next level's 0.5.
    assert np.allclose(priors[19 * 19 * 3][2:], (105, 105), atol=1e-3)
    assert np.allclose(priors[19 * 19 * 3 + 5][2:], math.sqrt(0.35 * 0.5) * 300, atol=1e-3)
    assert np.allclose(priors[-1][2:], math.sqrt(0.95) * 300, atol=1e-3)


@pytest.mark.parametrize("layout", [*FLAT, *BY_LEVEL], ids=lambda layout: f"{layout.name} {layout.count}")
def test_centres_lie_in_the_input(layout):
    assert layout.count == len(layout.priors())
    centres = layout.priors()[:, :2]
    assert centres.min() > 0 and centres.max() <= layout.side + 4  # 10 cells of 32 are a little more than 300
    if layout.clipped_from == 0:
        assert layout.priors().max() == layout.side
