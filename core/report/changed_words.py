"""What changed from the original's prediction to a file's, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from core.common.percent import percent
from core.common.text import Text, plural, say
from core.report.drawing.changes import ObjectChanges, compare_objects, compare_points
from core.report.drawing.class_map import read_map
from core.report.gallery_entries import Answer


def changes(source: Mapping[str, Any], answer: Answer, score: float) -> tuple[Text, ...]:
    """What changed on one picture.

    Args:
        source: the original's prediction.
        answer: the file's.
        score: least score of an object.

    Raises:
        ValueError: a prediction is damaged.
        TypeError: a prediction is damaged.
    """
    match source.get("kind"):
        case "objects":
            return tuple(_objects(compare_objects(source, answer.prediction, score)))
        case "points":
            return (_points(source, answer.prediction),)
        case "map":
            return (_map(source, answer),)
        case _:
            return (say("{percent} alike", percent=percent(answer.agreement)),)


def _objects(found: ObjectChanges) -> Iterator[Text]:
    if found.lost:
        yield say("{count} lost", count=len(found.lost))
    if found.new:
        yield say("{count} new", count=len(found.new))
    if found.renamed:
        yield say("{count} of another class", count=len(found.renamed))
    if found.moved:
        yield say("{count} moved", count=len(found.moved))
    if found.kept:
        yield plural("{count} object the same", "{count} objects the same", count=len(found.kept))
    elif not (found.lost or found.new or found.renamed or found.moved):
        yield say("no objects in either")


def _points(source: Mapping[str, Any], other: Mapping[str, Any]) -> Text:
    found = compare_points(source, other)
    return say(
        "points {mean} pixels away on average, {largest} at most",
        mean=f"{found.mean:.1f}",
        largest=f"{found.largest:.1f}",
    )


def _map(source: Mapping[str, Any], answer: Answer) -> Text:
    ours, theirs = read_map(source), read_map(answer.prediction)
    if ours.shape != theirs.shape:
        return say("{percent} alike", percent=percent(answer.agreement))
    return say("the same class on {percent} of the pixels", percent=percent(float(np.mean(ours == theirs))))
