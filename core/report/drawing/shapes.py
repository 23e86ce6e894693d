"""Boxes, masks, keypoints and their labels as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.metrics.box_iou import rotated_corners
from core.report.drawing.changes import Mark
from core.report.drawing.prediction_json import FoundObject, Point
from core.report.drawing.svg import (
    COLORS,
    INK,
    PAPER,
    Attributes,
    Canvas,
    Plate,
    element,
    luminance,
    number,
    percent,
    shortened,
)

MARK_COLORS: Mapping[Mark, str] = {"lost": "#D55E00", "new": "#CC79A7", "moved": "#E69F00", "renamed": "#F0E442"}
UNCHANGED = "#56B4E9"
SIGNS: Mapping[Mark, str] = {"lost": "−", "new": "+", "moved": "↔", "renamed": "≠"}
"""Beside the colours, for readers who cannot distinguish them."""

_DASHES: Mapping[Mark, tuple[float, ...]] = {"lost": (3, 2), "moved": (5, 1.6, 1, 1.6), "renamed": (1, 1.2)}
"""Lines and gaps in widths of a line: dashed, dash and dot, dotted. What is new has a line without gaps, twice as wide
as that of what did not change.
"""

_WIDTHS: Mapping[Mark, float] = {"new": 1.7, "renamed": 1.3}

_MOST_LETTERS = 28

_TALL = 4.0
"""Heights of a label from which an object has room for it."""

_COCO_LIMBS = (
    *((15, 13), (13, 11), (11, 5), (5, 7), (7, 9), (1, 3), (3, 5)),  # left
    *((16, 14), (14, 12), (12, 6), (6, 8), (8, 10), (2, 4), (4, 6)),  # right
    *((11, 12), (5, 6), (1, 2), (0, 1), (0, 2)),
)
"""The skeleton of COCO's 17 keypoints, counted from 0."""

_LIMB_COLORS = ("#56B4E9",) * 7 + ("#E69F00",) * 7 + ("#009E73",) * 5
_COCO_POINTS = 17

LEAST_POINT_SCORE = 0.3
"""Below it a keypoint of an object is not drawn: mostly guesses of what is hidden or outside the picture."""


def draw_objects(
    objects: Sequence[FoundObject],
    canvas: Canvas,
    *,
    class_names: Sequence[str] = (),
    marks: Mapping[int, Mark] | None = None,
) -> Iterator[str]:
    """Draw objects with their labels on top.

    Args:
        objects: to draw, best first.
        canvas: the picture.
        class_names: by index.
        marks: what changed, by the object's index; None: nothing was compared, and colours are those of the classes.
    """
    # What changed lies above what did not.
    order = sorted(objects, key=lambda found: (found.index in (marks or ()), -found.index))
    for found in order:
        mark = None if marks is None else marks.get(found.index)
        color = _object_color(found, mark, is_compared=marks is not None)
        yield element("g", {"class": f"object {mark or ''}".strip()}, *_shape(found, canvas, color, mark))
    taken: list[Plate] = []
    for found in reversed(order):
        mark = None if marks is None else marks.get(found.index)
        plate = _free_plate(found, canvas, taken, _label(found, class_names, mark), is_needed=mark is not None)
        if plate is not None:
            taken.append(plate)
            yield plate.svg(_object_color(found, mark, is_compared=marks is not None))


def draw_points(
    points: Sequence[Point],
    canvas: Canvas,
    *,
    score: float,
    marks: Mapping[int, Mark] | None = None,
    others: Sequence[Point] = (),
) -> Iterator[str]:
    """Draw the keypoints of one body, face or hand: those with at least a score.

    Args:
        points: to draw.
        canvas: the picture.
        score: least score.
        marks: what changed; such a point is a larger square on its corner.
        others: where the other prediction has the points; a line leads there from those that changed.
    """
    shown = {index: point for index, point in enumerate(points) if point[2] >= score}
    if len(points) == _COCO_POINTS:
        yield from _limbs(shown, canvas)
    # Many points, as of a face, would cover it.
    radius = canvas.font_size * (0.28 if len(points) <= 2 * _COCO_POINTS else 0.14)
    for index, point in shown.items():
        mark = None if marks is None else marks.get(index)
        if mark is None:
            yield _dot(point, radius, UNCHANGED, canvas)
            continue
        if index < len(others):
            yield from _way(point, others[index], canvas, MARK_COLORS[mark])
        yield _diamond(point, 1.7 * radius, MARK_COLORS[mark], canvas)


def _way(start: Point, end: Point, canvas: Canvas, color: str) -> Iterator[str]:
    place = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1], "stroke-linecap": "round"}
    for stroke, width in ((_halo(color), 1.6 * canvas.stroke), (color, 0.8 * canvas.stroke)):
        yield element("line", {**place, "stroke": stroke, "stroke-width": width, "class": "way"})


def _diamond(point: Point, radius: float, color: str, canvas: Canvas) -> str:
    x, y = point[:2]
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    halo = {"stroke": _halo(color), "stroke-width": 0.35 * canvas.stroke}
    return element("path", {"d": _path(corners), "fill": color, "class": "moved", **halo})


def _object_color(found: FoundObject, mark: Mark | None, *, is_compared: bool) -> str:
    if mark is not None:
        return MARK_COLORS[mark]
    return UNCHANGED if is_compared else COLORS[found.class_index % len(COLORS)]


def _shape(found: FoundObject, canvas: Canvas, color: str, mark: Mark | None) -> Iterator[str]:
    """Its mask where it has one, else its box, turned where it is a rotated one; then its points."""
    if found.rings:
        outline = "".join(_path(ring) for ring in found.rings if ring)
        yield element("path", {"d": outline, "fill": color, "fill-opacity": 0.32, "fill-rule": "evenodd"})
        yield from _line("path", {"d": outline}, canvas, color, mark)
    else:
        yield from _line("rect", _box(found), canvas, color, mark)
    points = {index: point for index, point in enumerate(found.points) if point[2] >= LEAST_POINT_SCORE}
    if len(found.points) == _COCO_POINTS:
        yield from _limbs(points, canvas)
    for point in points.values():
        yield _dot(point, 1.3 * canvas.stroke, color, canvas)


def _box(found: FoundObject) -> Attributes:
    x1, y1, x2, y2 = found.box
    turn = None if not found.angle else f"rotate({_degrees(found)} {number((x1 + x2) / 2)} {number((y1 + y2) / 2)})"
    return {"x": x1, "y": y1, "width": max(0.0, x2 - x1), "height": max(0.0, y2 - y1), "transform": turn}


def _line(tag: str, shape: Attributes, canvas: Canvas, color: str, mark: Mark | None) -> Iterator[str]:
    """The outline of a shape over a halo, which stands out on any picture; the style of the line says what changed."""
    width = canvas.stroke if mark is None else canvas.stroke * _WIDTHS.get(mark, 1.0)
    dashes = None if mark is None else " ".join(number(part * width) for part in _DASHES.get(mark, ())) or None
    for stroke, broad, name in ((_halo(color), width + canvas.stroke, "halo"), (color, width, "box")):
        lines = {"fill": "none", "stroke": stroke, "stroke-width": broad, "stroke-dasharray": dashes}
        opacity = 0.6 if name == "halo" else None
        yield element(tag, {**shape, **lines, "stroke-opacity": opacity, "class": name})


def _degrees(found: FoundObject) -> str:
    return number(found.angle * 57.29578)


def _path(ring: Sequence[Point]) -> str:
    return "M" + "L".join(f"{number(point[0])} {number(point[1])}" for point in ring) + "Z"


def _limbs(points: Mapping[int, Point], canvas: Canvas) -> Iterator[str]:
    """The limbs both of whose ends are there: left, right and middle in colours of their own."""
    limbs = [
        ((points[start], points[end]), color)
        for (start, end), color in zip(_COCO_LIMBS, _LIMB_COLORS, strict=True)
        if start in points and end in points
    ]
    for width, opacity, is_halo in ((1.8 * canvas.stroke, 0.6, True), (0.9 * canvas.stroke, 1.0, False)):
        for (start, end), color in limbs:
            place = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
            line = {"stroke": INK if is_halo else color, "stroke-width": width, "stroke-opacity": opacity}
            yield element("line", {**place, **line, "stroke-linecap": "round"})


def _dot(point: Point, radius: float, color: str, canvas: Canvas) -> str:
    halo = {"stroke": _halo(color), "stroke-width": 0.35 * canvas.stroke}
    return element("circle", {"cx": point[0], "cy": point[1], "r": radius, "fill": color, **halo})


def _halo(color: str) -> str:
    return INK if luminance(color) > 0.18 else PAPER


def _label(found: FoundObject, class_names: Sequence[str], mark: Mark | None) -> str:
    known = 0 <= found.class_index < len(class_names)
    name = class_names[found.class_index] if known else f"#{found.class_index}"
    sign = "" if mark is None else f"{SIGNS[mark]} "
    return f"{sign}{shortened(name, _MOST_LETTERS)} {percent(found.score)}"


def _free_plate(
    found: FoundObject, canvas: Canvas, taken: Sequence[Plate], label: str, *, is_needed: bool
) -> Plate | None:
    """The label where it covers no other: above its box, or in it, or below; None where there is no room for it."""
    height = Plate(label, 0, 0, canvas.font_size).height
    width = Plate(label, 0, 0, canvas.font_size).width
    x1, y1, x2, y2 = _extent(found)
    inside = (y1, y2) if y2 - y1 > _TALL * height else (y2, y1)  # a small object would be covered
    rows = (y1 - height, *inside, y2 - height, y1 + height, y1 - 2 * height)
    places = [
        Plate(label, _within(left, canvas.width - width), _within(top, canvas.height - height), canvas.font_size)
        for left in (x1, x2 - width)
        for top in rows
        if 0 <= top <= canvas.height - height
    ]
    free = next((plate for plate in places if not any(map(plate.overlaps, taken))), None)
    if free is None and is_needed:
        return places[0] if places else Plate(label, _within(x1, canvas.width - width), 0.0, canvas.font_size)
    return free


def _extent(found: FoundObject) -> tuple[float, float, float, float]:
    """The upright box around what is drawn of an object."""
    if not found.angle or found.rings:
        return found.box
    (corners,) = rotated_corners(np.array([found.box]), np.array([found.angle]))
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return left, top, right, bottom


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))
