"""The prior boxes of published SSDs: which grids a model has, and which boxes stand in each cell.

From SSD's own code (weiliu89/caffe) on, a cell has a square of the level's size, one of the geometric mean with the
next level's size, and for each ratio r a wide box (size x sqrt(r), size / sqrt(r)) and a tall one, in this order.
TensorFlow has an order and sizes of its own (object_detection/anchor_generators/multiple_grid_anchor_generator.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Shape = tuple[float, float]
"""Width and height, in pixels."""


@dataclass(frozen=True)
class Level:
    """The prior boxes of one level: the same ones about the middle of every cell of a square grid."""

    grid: int
    """Rows, and columns."""

    step: float
    """Pixels between two centres."""

    shapes: tuple[Shape, ...]

    def priors(self) -> NDArray[np.float32]:
        """Shape (n, 4): cx, cy, w, h in pixels."""
        y, x = np.indices((self.grid, self.grid), np.float32)
        centres = (np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * np.float32(self.step)
        sizes = np.tile(np.array(self.shapes, np.float32), (len(centres), 1))
        return np.concatenate((np.repeat(centres, len(self.shapes), axis=0), sizes), axis=1, dtype=np.float32)


@dataclass(frozen=True)
class PriorLayout:
    """The prior boxes of one model."""

    name: str
    side: int
    """Height and width of the model's input, in pixels."""

    levels: tuple[Level, ...]
    clipped_from: int = 4
    """First of cx, cy, w, h from which on values are at most the side of the input: 4 for none of them."""

    @property
    def count(self) -> int:
        """Number of boxes."""
        return sum(level.grid**2 * len(level.shapes) for level in self.levels)

    def priors(self) -> NDArray[np.float32]:
        """Shape (n, 4): cx, cy, w, h in pixels."""
        priors = np.concatenate([level.priors() for level in self.levels])
        priors[:, self.clipped_from :] = np.minimum(priors[:, self.clipped_from :], self.side)
        return priors


def _ssd(
    name: str,
    side: int,
    grids: Sequence[int],
    steps: Sequence[float],
    sizes: Sequence[float],
    ratios: Sequence[Sequence[int]],
    clipped_from: int = 4,
) -> PriorLayout:
    """``sizes`` has one more than there are levels, for the last geometric mean."""
    shapes = [_shapes(size, after, some) for (size, after), some in zip(pairwise(sizes), ratios, strict=True)]
    return PriorLayout(name, side, tuple(map(Level, grids, steps, shapes)), clipped_from)


def _shapes(size: float, after: float, ratios: Sequence[int]) -> tuple[Shape, ...]:
    mean = (size * after) ** 0.5
    boxes = [(size, size), (mean, mean)]
    for ratio in ratios:
        boxes += [(size * ratio**0.5, size / ratio**0.5), (size / ratio**0.5, size * ratio**0.5)]
    return tuple(boxes)


def _tensorflow() -> PriorLayout:
    """SSD MobileNet v1 and v2: sizes from 0.2 to 0.95 of the input; the lowest level has three boxes only."""
    side, grids = 300, (19, 10, 5, 3, 2, 1)
    scales = [*np.linspace(0.2, 0.95, 6), 1.0]
    shapes: list[list[Shape]] = [[(0.1, 0.1), _of_ratio(0.2, 2), _of_ratio(0.2, 0.5)]]
    for scale, after in list(pairwise(scales))[1:]:
        mean = (scale * after) ** 0.5
        shapes.append([*(_of_ratio(scale, ratio) for ratio in (1, 2, 0.5, 3, 1 / 3)), (mean, mean)])
    levels = (
        Level(grid, side / grid, tuple((width * side, height * side) for width, height in some))
        for grid, some in zip(grids, shapes, strict=True)
    )
    return PriorLayout("MobileNet-SSD (TensorFlow)", side, tuple(levels))


def _of_ratio(scale: float, ratio: float) -> Shape:
    return (scale * ratio**0.5, scale / ratio**0.5)


_GRIDS300, _STEPS300 = (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300)
_RATIOS300 = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
_GRIDS512, _STEPS512 = (64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512)
_RATIOS512 = ((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2,), (2,))
_LITE_GRIDS, _LITE_RATIOS = (20, 10, 5, 3, 2, 1), ((2, 3),) * 6

_COCO300, _VOC300 = (21, 45, 99, 153, 207, 261, 315), (30, 60, 111, 162, 213, 264, 315)
_COCO512 = (20, 51, 133, 215, 296, 378, 460, 542)
_VOC512 = (35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6)
_MOBILENET_GRIDS, _MOBILENET_STEPS = (19, 10, 5, 3, 2, 1), (16, 32, 64, 100, 150, 300)
_MOBILENET = (60, 105, 150, 195, 240, 285, 330)
_LITE_STEPS = [320 / grid for grid in _LITE_GRIDS]

TENSORFLOW = _tensorflow()

FLAT = (
    _ssd("SSD300", 300, _GRIDS300, _STEPS300, _COCO300, _RATIOS300, 2),
    _ssd("SSD300", 300, _GRIDS300, _STEPS300, _VOC300, _RATIOS300, 0),
    _ssd("SSD512", 512, _GRIDS512, _STEPS512, _COCO512, _RATIOS512, 0),
    _ssd("SSD512", 512, _GRIDS512, _STEPS512, _VOC512, _RATIOS512, 0),
    _ssd("MobileNet-SSD", 300, _MOBILENET_GRIDS, _MOBILENET_STEPS, _MOBILENET, _LITE_RATIOS, 0),
    _ssd("SSDLite", 320, _LITE_GRIDS, _LITE_STEPS, (64, 112, 160, 208, 256, 304, 320), _LITE_RATIOS, 2),
    TENSORFLOW,
)
"""Models that write all boxes into one output: torchvision's ssd300_vgg16, amdegroot/ssd.pytorch (VOC), the same of 512
pixels (COCO, VOC), pytorch-ssd (qfgaohao), torchvision's ssdlite320_mobilenet_v3, TensorFlow's."""

BY_LEVEL = (
    _ssd("SSD300", 300, _GRIDS300, _STEPS300, _COCO300, _RATIOS300),
    _ssd("SSD512", 512, _GRIDS512, _STEPS512, _COCO512, _RATIOS512),
    _ssd(
        "SSDLite",
        320,
        _LITE_GRIDS,
        (16, 32, 64, 107, 160, 320),
        (48, 100, 150, 202, 253, 304, 320),
        _LITE_RATIOS,
    ),
)
"""MMDetection's, which have an output for each level (configs/ssd)."""

_VOC = 21


def flat_layout(count: int, input_size: tuple[int, int], channels: int) -> PriorLayout | None:
    """The layout of so many boxes in one output.

    Args:
        count: number of boxes.
        input_size: height and width of the model's input.
        channels: number of classes with the background: where a layout exists for VOC and for COCO, 21 mean VOC.
    """
    fitting = [layout for layout in FLAT if layout.count == count and input_size == (layout.side, layout.side)]
    return fitting[-1 if channels == _VOC else 0] if fitting else None
