"""One picture with what a model predicts for it."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image

from core.report.drawing.changes import Mark
from core.report.drawing.class_map import draw_map, draw_map_changes, legend
from core.report.drawing.prediction_json import FoundObject, read_objects, read_points
from core.report.drawing.shapes import draw_objects, draw_points
from core.report.drawing.svg import (
    Attributes,
    Canvas,
    Plate,
    clean,
    element,
    embedded,
    number,
    percent,
    shortened,
    text,
    text_width,
)

_STRIP = "#1F2A2E"
_STRIP_FONT = 0.05
"""Size of the letters below the picture, as a share of its width."""


def draw(
    prediction: Mapping[str, Any],
    picture: bytes | Path,
    size: tuple[int, int],
    *,
    class_names: Sequence[str] = (),
    score: float = 0.0,
    marks: Mapping[int, Mark] | None = None,
    title: str = "",
) -> str:
    """Draw a prediction over its picture; one of no known kind leaves the picture as it is.

    Args:
        prediction: as ``gallery.json`` holds it (:meth:`core.tasks.base.Task.to_json`).
        picture: a JPEG file of the image, of any size.
        size: height and width of the image, in whose pixels the prediction is.
        class_names: by index.
        score: least score of the objects and points that are drawn.
        marks: what changed, by the index of an object or a point (:mod:`core.report.drawing.changes`); None: nothing
            was compared.
        title: read aloud in place of the picture.

    Returns:
        An SVG document that refers to nothing outside itself.

    Raises:
        ValueError: the prediction is damaged.
        TypeError: the prediction is damaged.
        OSError: the picture cannot be read.
    """
    data = picture if isinstance(picture, bytes) else picture.read_bytes()
    kind = prediction.get("kind")
    if kind == "image":
        data, size = _output_image(prediction)
    canvas = Canvas(float(size[1]), float(size[0]))
    shapes: Iterator[str] = iter(())
    if kind == "objects":
        shapes = draw_objects(read_objects(prediction, score), canvas, class_names=class_names, marks=marks)
    elif kind == "points":
        shapes = draw_points(read_points(prediction), canvas, score=score, marks=marks)
    elif kind == "map":
        shapes = iter((draw_map(prediction, canvas, class_names=class_names),))
    strip, height = _strip(prediction, canvas, class_names)
    return _document(canvas, height, title, embedded(data, "jpeg", _place(canvas)), *shapes, *strip)


@dataclass(frozen=True)
class Overlay:
    """How a prediction is drawn that lies over a picture which is shown by itself."""

    class_names: Sequence[str] = ()
    score: float = 0.0
    """Least score of the objects and points that are drawn."""

    marks: Mapping[int, Mark] | None = None
    """What changed, as for :func:`draw`."""

    classes: Collection[int] | None = None
    """Of the objects that are drawn, beside those that are marked; None for all."""

    other: Mapping[str, Any] | None = None
    """The prediction with which it is compared."""

    is_left: bool = True
    """Whether the other one comes after it."""

    text_scale: float = 1.0
    """Of letters and lines."""


def draw_overlay(prediction: Mapping[str, Any], size: tuple[int, int], overlay: Overlay) -> str:
    """Draw objects, points or a map without their picture, on a transparent ground; anything else is empty.

    Args:
        prediction: as for :func:`draw`.
        size: height and width of the image, in whose pixels the prediction is.
        overlay: how it is drawn.

    Returns:
        An SVG document that refers to nothing outside itself.

    Raises:
        ValueError: the prediction is damaged.
        TypeError: the prediction is damaged.
    """
    canvas = Canvas(float(size[1]), float(size[0]), overlay.text_scale)
    match prediction.get("kind"):
        case "objects":
            found = tuple(_wanted(read_objects(prediction, overlay.score), overlay))
            shapes = draw_objects(found, canvas, class_names=overlay.class_names, marks=overlay.marks)
        case "points":
            others = () if overlay.other is None else read_points(overlay.other)
            points = read_points(prediction)
            shapes = draw_points(points, canvas, score=overlay.score, marks=overlay.marks, others=others)
        case "map":
            shapes = _map_shapes(prediction, canvas, overlay)
        case _:
            shapes = iter(())
    return _document(canvas, canvas.height, "", *shapes)


def _wanted(objects: Sequence[FoundObject], overlay: Overlay) -> Iterator[FoundObject]:
    for found in objects:
        is_marked = overlay.marks is not None and found.index in overlay.marks
        if overlay.classes is None or is_marked or found.class_index in overlay.classes:
            yield found


def _map_shapes(prediction: Mapping[str, Any], canvas: Canvas, overlay: Overlay) -> Iterator[str]:
    yield draw_map(prediction, canvas, class_names=overlay.class_names)
    if overlay.other is not None:
        first, second = (prediction, overlay.other) if overlay.is_left else (overlay.other, prediction)
        yield draw_map_changes(first, second, canvas, class_names=overlay.class_names, is_source=overlay.is_left)


def _document(canvas: Canvas, height: float, title: str, *children: str) -> str:
    root = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {number(canvas.width)} {number(height)}",
        "width": canvas.width,
        "height": height,
        "role": "img",
    }
    return element("svg", root, element("title", {}, escape(clean(title)) or " "), *children)


def _place(canvas: Canvas) -> Attributes:
    return {"x": 0, "y": 0, "width": canvas.width, "height": canvas.height, "class": "picture"}


def _strip(prediction: Mapping[str, Any], canvas: Canvas, class_names: Sequence[str]) -> tuple[list[str], float]:
    """What stands below the picture, and the height of both together."""
    font_size, line = _STRIP_FONT * canvas.width, 1.5 * _STRIP_FONT * canvas.width
    if prediction.get("kind") == "map":
        return _legend(prediction, canvas, class_names)
    lines = [_cut(words, canvas.width - font_size, font_size) for words in _lines(prediction)]
    if not lines:
        return [], canvas.height
    height = line * (len(lines) + 0.3)
    ground = {"x": 0, "y": canvas.height, "width": canvas.width, "height": height, "fill": _STRIP, "class": "strip"}
    texts = [
        text(words, font_size / 2, canvas.height + line * (row + 0.85), font_size, "#FFFFFF")
        for row, words in enumerate(lines)
    ]
    return [element("rect", ground), *texts], canvas.height + height


def _lines(prediction: Mapping[str, Any]) -> list[str]:
    kind = prediction.get("kind")
    if kind == "text":
        return [f"{prediction.get('text', '')} · {percent(float(prediction.get('score', 0)))}"]
    if kind == "classes":
        best = f"{prediction.get('label', '')} · {percent(float(prediction.get('score', 0)))}"
        present = prediction.get("present")
        return [best] if present is None else [", ".join(map(str, present)) or best]
    if kind == "scores":
        return [", ".join(f"{float(score):.2f}" for score in prediction.get("scores", ())[:16])]
    return []


def _legend(prediction: Mapping[str, Any], canvas: Canvas, class_names: Sequence[str]) -> tuple[list[str], float]:
    """The names of the classes, on plates of their colours, in as many rows as they need."""
    font_size = canvas.font_size
    left, top, plates = 0.0, canvas.height + 0.3 * font_size, []
    for name, color in legend(prediction, class_names):
        plate = Plate(name, left, top, font_size)
        if left and left + plate.width > canvas.width:
            left, top = 0.0, top + 1.2 * plate.height
            plate = Plate(name, left, top, font_size)
        plates.append(plate.svg(color))
        left += plate.width + 0.4 * font_size
    return plates, top + 1.8 * font_size if plates else canvas.height


def _cut(words: str, width: float, font_size: float) -> str:
    line = shortened(words, 200)
    while line and text_width(line, font_size) > width:
        line = line[:-2].rstrip("…") + "…" if len(line) > 2 else ""
    return line


def _output_image(prediction: Mapping[str, Any]) -> tuple[bytes, tuple[int, int]]:
    """The picture that a model made, and its height and width."""
    try:
        data = base64.b64decode(str(prediction.get("jpeg")), validate=True)
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return data, (image.height, image.width)
    except (OSError, binascii.Error, SyntaxError) as exc:
        raise ValueError(f"no picture: {exc!r}") from exc
