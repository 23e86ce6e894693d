"""Detection, instance segmentation and pose: the objects of a picture, in its own pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

import drawing
from boxes import Found, suppress
from preprocessing import Array, Placement, Sample
from verdicts import CLOSE_OVERLAP, CLOSE_SCORE, PIXEL_TOLERANCE, Verdict, different, within

_LEAST_POINT = 0.3
"""Score from which a point is drawn."""


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The objects with at least the task's score, the best first."""
    placement = sample.placement
    in_input = _objects_in_input(outputs, placement, task)
    found = _to_picture(in_input, placement)
    masks: Sequence[Any] = [None] * len(found.scores)
    if task["has_masks"]:
        from masks import picture_masks

        masks = picture_masks(in_input, found.boxes, placement)
    # NaN, which damaged weights give, is not greater than anything either.
    kept = np.flatnonzero((found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)).tolist()
    return {"kind": "objects", "objects": [_object(found, index, masks[index], labels) for index in kept]}


def _objects_in_input(outputs: Mapping[str, Array], placement: Placement, task: Mapping[str, Any]) -> Found:
    """The objects in pixels of the input, after non-maximum suppression where it is needed."""
    head = task["head"]
    decode = import_module(f"head_{head['module']}").decode
    found: Found = decode(outputs, placement.input_size, task["score"], head)
    # No overlap is larger than infinity: boxes that the model has suppressed itself are only sorted.
    return suppress(found, math.inf if head["nms_iou"] is None else head["nms_iou"], task["most_objects"])


def _to_picture(found: Found, placement: Placement) -> Found:
    """Boxes and points in pixels of the picture; rotated boxes are not clipped, which would move their centre."""
    points = found.points
    if points is not None:
        points = np.concatenate([placement.points_to_picture(points[..., :2]), points[..., 2:]], axis=-1)
    if found.angles is None:
        return replace(found, boxes=placement.boxes_to_picture(found.boxes), points=points)
    boxes, angles = _rotated_to_picture(found.boxes, found.angles, placement)
    return replace(found, boxes=boxes, angles=angles, points=points)


def _rotated_to_picture(boxes: Array, angles: Array, placement: Placement) -> tuple[Array, Array]:
    """Where both axes are scaled alike this is exact; else the sides become slanted, and area and long axis stay."""
    corners = boxes.reshape(-1, 2, 2)
    centres = placement.points_to_picture(corners.mean(axis=1))
    width, height = np.moveaxis(corners[:, 1] - corners[:, 0], -1, 0)
    upright = height > width
    length = np.maximum(width, height)
    direction = angles + np.where(upright, np.float32(math.pi / 2), np.float32(0))
    along_x = length * np.cos(direction) / placement.scale[0]
    along_y = length * np.sin(direction) / placement.scale[1]
    new_length = np.hypot(along_x, along_y)
    area = width * height / (placement.scale[0] * placement.scale[1])
    across = np.divide(area, new_length, out=np.zeros_like(new_length), where=new_length > 0)
    turned = np.arctan2(along_y, along_x) - np.where(upright, math.pi / 2, 0)
    sides = np.where(upright[:, None], np.stack([across, new_length], axis=1), np.stack([new_length, across], axis=1))
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1, dtype=np.float32), turned


def _object(found: Found, index: int, mask: Any, labels: Sequence[str]) -> dict[str, Any]:
    number = int(found.classes[index])
    one: dict[str, Any] = {
        "class": number,
        "label": labels[number] if 0 <= number < len(labels) else str(number),
        "score": round(float(found.scores[index]), 6),
        "box": _rounded(found.boxes[index], 2),
    }
    if found.angles is not None:
        one["angle"] = round(float(found.angles[index]), 5)
    if found.points is not None:
        one["points"] = _rounded(found.points[index], 4)
    if mask is not None:
        one["mask"] = mask
    return one


def _rounded(values: Array, digits: int) -> Any:
    return np.round(values.astype(np.float64), digits).tolist()


def words(found: Mapping[str, Any]) -> list[str]:
    """One line for each object."""
    if not found["objects"]:
        return ["no objects"]
    return [_line(one) for one in found["objects"]]


def _line(one: Mapping[str, Any]) -> str:
    x1, y1, x2, y2 = (round(value) for value in one["box"])
    line = f"{one['label']}  {one['score']:.1%}  x {x1} to {x2}, y {y1} to {y2}"
    if "angle" in one:
        line += f", turned by {math.degrees(one['angle']):.0f} degrees"
    if "points" in one:
        line += f", {sum(point[2] >= _LEAST_POINT for point in one['points'])} points"
    if "mask" in one:
        line += f", {sum(one['mask']['counts'][1::2])} pixels"
    return line


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The same objects at the same places; those near the threshold may come or go by rounding."""
    least = min((one["score"] for one in (*expected["objects"], *found["objects"])), default=0.0)
    free = list(found["objects"])
    score, pixels = 0.0, 0.0
    for one in expected["objects"]:
        other = max(free, key=lambda each: _likeness(one, each), default=None)
        if other is None or _likeness(one, other) < CLOSE_OVERLAP:
            if one["score"] < least + CLOSE_SCORE:
                score = max(score, one["score"] - least)
                continue
            return different(f"{one['label']} ({one['score']:.1%}) was not found")
        free.remove(other)
        score = max(score, abs(one["score"] - other["score"]))
        pixels = max(pixels, _distance(one, other))
    more = [one for one in free if one["score"] >= least + CLOSE_SCORE]
    if more:
        return different(f"{more[0]['label']} ({more[0]['score']:.1%}) was found besides")
    return within(max([score, *(one["score"] - least for one in free)]), pixels)


def _likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Overlap (IoU) of two boxes, 1 where they differ by a pixel at most; 0 for different classes."""
    if one["class"] != other["class"]:
        return 0.0
    a, b = one["box"], other["box"]
    if max(abs(x - y) for x, y in zip(a, b, strict=True)) <= PIXEL_TOLERANCE:
        return 1.0
    common = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(common / max(areas - common, 1e-9))


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Largest difference of a coordinate, of the points that are sure too."""
    differences = [abs(a - b) for a, b in zip(one["box"], other["box"], strict=True)]
    for a, b in zip(one.get("points", ()), other.get("points", ()), strict=True):
        if a[2] >= _LEAST_POINT:
            differences += [abs(a[0] - b[0]), abs(a[1] - b[1])]
    return float(max(differences))


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """Boxes with their labels, and what they have besides: masks, points."""
    image, factor = drawing.canvas(picture)
    for one in reversed(found["objects"]):
        if "mask" in one:
            from masks import decode

            drawing.tint(image, decode(one["mask"]), drawing.color_of(one["class"]))
        corners = [(x * factor, y * factor) for x, y in _corners(one)]
        drawing.draw_box(image, corners, f"{one['label']} {one['score']:.0%}", one["class"])
        sure = [point for point in one.get("points", ()) if point[2] >= _LEAST_POINT]
        drawing.draw_points(image, [(x * factor, y * factor) for x, y, _ in sure], one["class"] + 1)
    return image


def _corners(one: Mapping[str, Any]) -> list[tuple[float, float]]:
    x1, y1, x2, y2 = one["box"]
    cos, sin = math.cos(one.get("angle", 0.0)), math.sin(one.get("angle", 0.0))
    x, y, half_width, half_height = (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2
    ways = (
        (-half_width, -half_height),
        (half_width, -half_height),
        (half_width, half_height),
        (-half_width, half_height),
    )
    return [(x + across * cos - down * sin, y + across * sin + down * cos) for across, down in ways]
