"""How models write the points of one object: SimCC, heatmaps or coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence

_COUNTS = frozenset({5, 9, 14, 15, 16, 17, 20, 21, 23, 26, 29, 37, 42, 68, 98, 106, 133, 136, 194})
"""Numbers of points of the usual data sets."""

_WORDS = ("keypoint", "kpt", "landm", "lmk", "joint")
_PEAK_AREA, _OWN_PEAKS = 0.1, 0.5
"""Of heatmaps: most of a map that is above half its height; least share of the maps that are the highest one at their
own peak."""


class PointDecoder(Protocol):
    """One way in which models write points."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its name as ``kind``, and everything else by which it decodes, as plain data."""

    def __call__(
        self, outputs: Mapping[str, Tensor], input_size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Points in pixels of the model's input, shape (points, 2) as x, y; and their scores, shape (points,)."""


@dataclass(frozen=True)
class SimCC:
    """One distribution along x and one along y for each point (Li et al., 2022)."""

    x: str
    y: str

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The two outputs."""
        return {"kind": "simcc", **asdict(self)}

    def __call__(
        self, outputs: Mapping[str, Tensor], input_size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The bins of the highest values, divided by the bins of one pixel; the score is the lower of the two."""
        x, y = outputs[self.x][0], outputs[self.y][0]
        bins = np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=1)
        split = np.array([x.shape[1] / input_size[1], y.shape[1] / input_size[0]])
        return (bins / split).astype(np.float32), np.minimum(x.max(axis=1), y.max(axis=1)).astype(np.float32)


@dataclass(frozen=True)
class Heatmaps:
    """One map for each point, whose highest cell it is, moved a quarter cell towards the higher neighbour (HRNet).

    Points near the edge stay in the middle of their cell as in HRNet's own code and MMPose's.
    """

    output: str
    channels_last: bool = False
    """Whether the maps are along its last axis."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The output and its layout."""
        return {"kind": "heatmaps", **asdict(self)}

    def __call__(
        self, outputs: Mapping[str, Tensor], input_size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The cells with the highest values, in pixels of the input."""
        maps = _maps_of(outputs[self.output], self.channels_last).astype(np.float32)
        count, height, width = maps.shape
        best = maps.reshape(count, -1).argmax(axis=1)
        rows, columns = np.divmod(best, width)
        index = np.arange(count)
        padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
        right_minus_left = padded[index, rows + 1, columns + 2] - padded[index, rows + 1, columns]
        below_minus_above = padded[index, rows + 2, columns + 1] - padded[index, rows, columns + 1]
        inside_x = (columns > 1) & (columns < width - 1) & (rows > 0)
        inside_y = (rows > 1) & (rows < height - 1) & (columns > 0)
        x = columns + 0.25 * np.sign(right_minus_left) * inside_x
        y = rows + 0.25 * np.sign(below_minus_above) * inside_y
        scale = np.array([input_size[1] / width, input_size[0] / height])
        return (np.stack([x, y], axis=1) * scale).astype(np.float32), maps[index, rows, columns]


@dataclass(frozen=True)
class Coordinates:
    """Two coordinates of each point as numbers, in pixels of the input or in shares of its size."""

    output: str
    dimensions: int
    """Numbers of a point; only the first two are read."""

    in_pixels: bool

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The output and its unit."""
        return {"kind": "coordinates", **asdict(self)}

    def __call__(
        self, outputs: Mapping[str, Tensor], input_size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The coordinates as they are; all scores are 1."""
        points = outputs[self.output][0].astype(np.float32).reshape(-1, self.dimensions)[:, :2]
        if not self.in_pixels:
            points = points * np.array([input_size[1], input_size[0]], np.float32)
        return points, np.ones(len(points), np.float32)


def find_decoder(evidence: Evidence, *, is_chosen: bool) -> tuple[PointDecoder, int] | None:
    """The decoder of SimCC, of heatmaps or of coordinates that are called so, and the number of points.

    Args:
        evidence: what is known of the model.
        is_chosen: whether the person says that it gives points: then any maps or pairs of numbers will do.
    """
    size = evidence.input_size
    if size is None:
        return None
    return (
        _simcc(evidence.outputs[0], size)
        or _heatmaps(evidence, size, is_chosen=is_chosen)
        or _coordinates(evidence, is_named=True)
        or (_coordinates(evidence, is_named=False) if is_chosen else None)
    )


def _simcc(outputs: Mapping[str, Tensor], size: tuple[int, int]) -> tuple[SimCC, int] | None:
    if len(outputs) != 2:
        return None
    (x_name, x), (y_name, y) = outputs.items()
    if x.ndim != 3 or y.ndim != 3 or x.shape[:2] != y.shape[:2]:
        return None
    split = x.shape[2] / size[1]
    return (SimCC(x_name, y_name), x.shape[1]) if split >= 1 and split == y.shape[2] / size[0] else None


def _heatmaps(evidence: Evidence, size: tuple[int, int], *, is_chosen: bool) -> tuple[Heatmaps, int] | None:
    """A grid of a quarter (or half, or eighth) of the input, with a usual number of maps that have one peak each."""
    for name, tensor in evidence.outputs[0].items():
        if tensor.ndim != 4 or tensor.shape[0] != 1 or not np.issubdtype(tensor.dtype, np.floating):
            continue
        for is_last in (False, True):
            maps = [_maps_of(sample[name], is_last) for sample in evidence.outputs]
            steps = (size[0] / maps[0].shape[1], size[1] / maps[0].shape[2])
            if steps[0] != steps[1] or steps[0] not in (2, 4, 8):
                continue
            is_called_so = "heatmap" in name.casefold()
            if is_chosen or (len(maps[0]) in _COUNTS and (is_called_so or _are_peaks(maps))):
                return Heatmaps(name, channels_last=is_last), len(maps[0])
    return None


def _maps_of(tensor: Tensor, is_last: bool) -> Tensor:
    """Of the first sample, shape (points, height, width)."""
    return np.moveaxis(tensor[0], -1, 0) if is_last else tensor[0]


def _are_peaks(samples: Sequence[Tensor]) -> bool:
    """Whether each map has a peak of its own, and is near one level everywhere else.

    Maps of classes fill areas. Those of classes that are not in the picture may have small peaks too, but there
    another class has the higher score, while a point's map is the highest one where the point is.
    """
    flat = [sample.reshape(len(sample), -1).astype(np.float64) for sample in samples]
    maps = np.concatenate(flat)
    low, high = np.percentile(maps, 10, axis=1), maps.max(axis=1)
    share = (maps > ((low + high) / 2)[:, None]).mean(axis=1)
    wins = [each[:, each.argmax(axis=1)].argmax(axis=0) == np.arange(len(each)) for each in flat]
    return bool(np.median(share) < _PEAK_AREA and np.mean(wins) >= _OWN_PEAKS)


def _coordinates(evidence: Evidence, *, is_named: bool) -> tuple[Coordinates, int] | None:
    for name, tensor in evidence.outputs[0].items():
        if is_named and not any(word in name.casefold() for word in _WORDS):
            continue
        if not 2 <= tensor.ndim <= 3 or tensor.shape[0] != 1 or not np.issubdtype(tensor.dtype, np.floating):
            continue
        dimensions = tensor.shape[2] if tensor.ndim == 3 else 2
        if dimensions not in (2, 3) or tensor.size % dimensions:
            continue
        in_pixels = max(float(np.abs(sample[name]).max()) for sample in evidence.outputs) > 2.0
        return Coordinates(name, dimensions=dimensions, in_pixels=in_pixels), tensor.size // dimensions
    return None
