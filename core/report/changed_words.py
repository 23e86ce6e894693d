"""What changed between two predictions for one picture, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from core.common.percent import percent
from core.common.text import Text, plural, say
from core.report.drawing.changes import ObjectChanges, PointChanges
from core.report.drawing.class_map import read_map

SAME, DIFFERENT = say("the same answer"), say("a different answer")


def alike(agreement: float) -> tuple[Text, ...]:
    """Where nothing but the agreement is known."""
    return (say("{percent} alike", percent=percent(agreement)),)


def objects(found: ObjectChanges) -> Iterator[Text]:
    """Of objects: how many of each kind of change."""
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


def points(found: PointChanges) -> Text:
    """Of the points of one body, face or hand."""
    return say(
        "points {mean} pixels away on average, {largest} at most",
        mean=f"{found.mean:.1f}",
        largest=f"{found.largest:.1f}",
    )


def maps(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Text, ...]:
    """Of two maps; nothing where they have other sizes.

    Raises:
        ValueError: a prediction is damaged.
    """
    ours, theirs = read_map(left), read_map(right)
    if ours.shape != theirs.shape:
        return ()
    return (say("the same class on {percent} of the pixels", percent=percent(float(np.mean(ours == theirs)))),)
