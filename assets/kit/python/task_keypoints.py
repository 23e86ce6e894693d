"""The points of the one body, face or hand in the picture, or in a box of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Sample
from verdicts import Verdict, different, within

_LEAST_POINT = 0.3
"""Score from which a point is drawn."""


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """Each point as x, y and score, in pixels of the whole picture."""
    del labels
    decoder = task["decoder"]
    points, scores = _DECODERS[decoder["kind"]](outputs, sample.placement.input_size, decoder)
    places = sample.placement.points_to_picture(points).astype(np.float64) / sample.shrunk + sample.origin
    rows = np.concatenate([np.round(places, 2), np.round(scores.astype(np.float64), 6)[:, None]], axis=1)
    return {"kind": "points", "points": rows.tolist()}


def _simcc(outputs: Mapping[str, Array], size: tuple[int, int], decoder: Mapping[str, Any]) -> tuple[Array, Array]:
    """One distribution along x and one along y for each point (SimCC, Li et al., 2022)."""
    x, y = outputs[decoder["x"]][0], outputs[decoder["y"]][0]
    bins = np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=1)
    split = np.array([x.shape[1] / size[1], y.shape[1] / size[0]])
    return (bins / split).astype(np.float32), np.minimum(x.max(axis=1), y.max(axis=1)).astype(np.float32)


def _heatmaps(outputs: Mapping[str, Array], size: tuple[int, int], decoder: Mapping[str, Any]) -> tuple[Array, Array]:
    """One map for each point: its highest cell, moved a quarter cell towards the higher neighbour (HRNet)."""
    tensor = outputs[decoder["output"]][0]
    maps = (np.moveaxis(tensor, -1, 0) if decoder["channels_last"] else tensor).astype(np.float32)
    count, height, width = maps.shape
    rows, columns = np.divmod(maps.reshape(count, -1).argmax(axis=1), width)
    index = np.arange(count)
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    right_minus_left = padded[index, rows + 1, columns + 2] - padded[index, rows + 1, columns]
    below_minus_above = padded[index, rows + 2, columns + 1] - padded[index, rows, columns + 1]
    inside_x = (columns > 1) & (columns < width - 1) & (rows > 0)
    inside_y = (rows > 1) & (rows < height - 1) & (columns > 0)
    x = columns + 0.25 * np.sign(right_minus_left) * inside_x
    y = rows + 0.25 * np.sign(below_minus_above) * inside_y
    scale = np.array([size[1] / width, size[0] / height])
    return (np.stack([x, y], axis=1) * scale).astype(np.float32), maps[index, rows, columns]


def _coordinates(
    outputs: Mapping[str, Array], size: tuple[int, int], decoder: Mapping[str, Any]
) -> tuple[Array, Array]:
    """Both coordinates of each point as numbers; all scores are 1."""
    points = outputs[decoder["output"]][0].astype(np.float32).reshape(-1, decoder["dimensions"])[:, :2]
    if not decoder["in_pixels"]:
        points = points * np.array([size[1], size[0]], np.float32)
    return points, np.ones(len(points), np.float32)


_DECODERS = {"simcc": _simcc, "heatmaps": _heatmaps, "coordinates": _coordinates}


def words(found: Mapping[str, Any]) -> list[str]:
    """One line for each point."""
    return [f"point {index}: x {x:.1f}, y {y:.1f}  {score:.1%}" for index, (x, y, score) in enumerate(found["points"])]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The points at the same places, and their scores; unsure ones may be anywhere."""
    before, after = np.array(expected["points"]), np.array(found["points"])
    if before.shape != after.shape:
        return different(f"{len(after)} points instead of {len(before)}")
    sure = before[:, 2] >= min(_LEAST_POINT, float(before[:, 2].max(initial=0.0)))
    moved = np.abs(before[sure, :2] - after[sure, :2]).max(axis=1, initial=0.0)
    extent = float(np.ptp(before[:, :2], axis=0).max(initial=1.0))
    if (moved > 0.05 * extent + 1.0).mean() > 0.1:
        return different(f"points are moved by up to {moved.max():.1f} pixels")
    return within(float(np.abs(before[:, 2] - after[:, 2]).max(initial=0.0)), float(moved.max(initial=0.0)))


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """A dot for each point that is sure."""
    image, factor = drawing.canvas(picture)
    least = min(_LEAST_POINT, max((point[2] for point in found["points"]), default=0.0))
    sure = [(x * factor, y * factor) for x, y, score in found["points"] if score >= least]
    drawing.draw_points(image, sure, 1)
    return image
