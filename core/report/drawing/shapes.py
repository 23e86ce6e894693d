"""Boxes, masks, keypoints and their labels as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.report.drawing.changes import Mark
from core.report.drawing.prediction_json import FoundObject, Point
from core.report.drawing.svg import (
    COLORS,
    INK,
    PAPER,
    Canvas,
    Plate,
    element,
    luminance,
    number,
    percent,
    shortened,
)

_MARK_COLORS: Mapping[Mark, str] = {"lost": "#D55E00", "new": "#CC79A7", "moved": "#E69F00", "renamed": "#F0E442"}
_UNCHANGED = "#56B4E9"
_SIGNS: Mapping[Mark, str] = {"lost": "−", "new": "+", "moved": "↔", "renamed": "≠"}
"""Beside the colours, for readers who cannot distinguish them."""

_MOST_LETTERS = 28

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
    points: Sequence[Point], canvas: Canvas, *, score: float, marks: Mapping[int, Mark] | None = None
) -> Iterator[str]:
    """Draw the keypoints of one body, face or hand: those with at least a score; the marked ones larger."""
    shown = {index: point for index, point in enumerate(points) if point[2] >= score}
    if len(points) == _COCO_POINTS:
        yield from _limbs(shown, canvas)
    # Many points, as of a face, would cover it.
    radius = canvas.font_size * (0.28 if len(points) <= 2 * _COCO_POINTS else 0.14)
    for index, point in shown.items():
        mark = None if marks is None else marks.get(index)
        color = _UNCHANGED if mark is None else _MARK_COLORS[mark]
        yield _dot(point, radius if mark is None else 1.5 * radius, color, canvas)


def _object_color(found: FoundObject, mark: Mark | None, *, is_compared: bool) -> str:
    if mark is not None:
        return _MARK_COLORS[mark]
    return _UNCHANGED if is_compared else COLORS[found.class_index % len(COLORS)]


def _shape(found: FoundObject, canvas: Canvas, color: str, mark: Mark | None) -> Iterator[str]:
    if found.rings:
        outline = "".join(_path(ring) for ring in found.rings if ring)
        yield element("path", {"d": outline, "fill": color, "fill-opacity": 0.38, "fill-rule": "evenodd"})
        yield element("path", {"d": outline, "fill": "none", "stroke": color, "stroke-width": canvas.stroke / 2})
    x1, y1, x2, y2 = found.box
    box = {"x": x1, "y": y1, "width": max(0.0, x2 - x1), "height": max(0.0, y2 - y1)}
    turn = None if not found.angle else f"rotate({_degrees(found)} {number((x1 + x2) / 2)} {number((y1 + y2) / 2)})"
    dashes = f"{number(3 * canvas.stroke)} {number(2 * canvas.stroke)}" if mark == "lost" else None
    for stroke, width, name in ((_halo(color), 2 * canvas.stroke, "halo"), (color, canvas.stroke, "box")):
        lines = {"fill": "none", "stroke": stroke, "stroke-width": width, "stroke-dasharray": dashes}
        opacity = 0.6 if name == "halo" else None
        yield element("rect", {**box, **lines, "stroke-opacity": opacity, "transform": turn, "class": name})
    points = {index: point for index, point in enumerate(found.points) if point[2] >= LEAST_POINT_SCORE}
    if len(found.points) == _COCO_POINTS:
        yield from _limbs(points, canvas)
    for point in points.values():
        yield _dot(point, 1.3 * canvas.stroke, color, canvas)


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
    sign = "" if mark is None else f"{_SIGNS[mark]} "
    return f"{sign}{shortened(name, _MOST_LETTERS)} {percent(found.score)}"


def _free_plate(
    found: FoundObject, canvas: Canvas, taken: Sequence[Plate], label: str, *, is_needed: bool
) -> Plate | None:
    """The label where it covers no other: above its box, or in it, or below; None where there is no room for it."""
    height = Plate(label, 0, 0, canvas.font_size).height
    width = Plate(label, 0, 0, canvas.font_size).width
    x1, y1, x2, y2 = found.box
    rows = (y1 - height, y1, y2, y2 - height, y1 + height, y1 - 2 * height)
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


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))
