"""What was mended or left out while labels were read: counted, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from core.common.text import Text, plural, say

ProblemName = Literal[
    "clipped",
    "outside",
    "no-size",
    "not-finite",
    "unknown-class",
    "missing-picture",
    "ambiguous-picture",
    "unreadable-entry",
    "unreadable-file",
    "unused-file",
    "duplicate",
    "no-outline",
    "bad-outline",
    "other-size",
    "colored-mask",
    "no-label",
]

_SENTENCES: Mapping[ProblemName, Callable[[int], Text]] = {
    "clipped": lambda count: plural(
        "{count} box reached over the edge of its picture and was cut off there.",
        "{count} boxes reached over the edges of their pictures and were cut off there.",
        count=count,
    ),
    "outside": lambda count: plural(
        "{count} box lies outside its picture and was left out.",
        "{count} boxes lie outside their pictures and were left out.",
        count=count,
    ),
    "no-size": lambda count: plural(
        "{count} box without a positive width and height was left out.",
        "{count} boxes without a positive width and height were left out.",
        count=count,
    ),
    "not-finite": lambda count: plural(
        "{count} object whose numbers are missing or not finite was left out.",
        "{count} objects whose numbers are missing or not finite were left out.",
        count=count,
    ),
    "unknown-class": lambda count: plural(
        "{count} object of a class that is not in the list of classes was left out.",
        "{count} objects of classes that are not in the list of classes were left out.",
        count=count,
    ),
    "missing-picture": lambda count: plural(
        "{count} label belongs to a picture that is not in the folder.",
        "{count} labels belong to pictures that are not in the folder.",
        count=count,
    ),
    "ambiguous-picture": lambda count: plural(
        "{count} label was left out, because several pictures have its name.",
        "{count} labels were left out, because several pictures have their names.",
        count=count,
    ),
    "unreadable-entry": lambda count: plural(
        "{count} line or entry of the labels cannot be read and was left out.",
        "{count} lines or entries of the labels cannot be read and were left out.",
        count=count,
    ),
    "unreadable-file": lambda count: plural(
        "{count} picture has no usable label, because its label file or its size cannot be read.",
        "{count} pictures have no usable labels, because their label files or their sizes cannot be read.",
        count=count,
    ),
    "unused-file": lambda count: plural(
        "{count} other label file was not used.", "{count} other label files were not used.", count=count
    ),
    "duplicate": lambda count: plural(
        "{count} label that occurs twice counts once.", "{count} labels that occur twice count once.", count=count
    ),
    "no-outline": lambda count: plural(
        "{count} picture counts by its boxes only, because not every object in it has an outline.",
        "{count} pictures count by their boxes only, because not every object in them has an outline.",
        count=count,
    ),
    "bad-outline": lambda count: plural(
        "{count} outline is damaged and was left out.", "{count} outlines are damaged and were left out.", count=count
    ),
    "other-size": lambda count: plural(
        "{count} picture has another shape than its labels say, so they were left out.",
        "{count} pictures have other shapes than their labels say, so these were left out.",
        count=count,
    ),
    "colored-mask": lambda count: plural(
        "{count} mask is coloured or damaged instead of holding class numbers, and was left out.",
        "{count} masks are coloured or damaged instead of holding class numbers, and were left out.",
        count=count,
    ),
    "no-label": lambda count: plural(
        "{count} picture has no label and does not count.",
        "{count} pictures have no label and do not count.",
        count=count,
    ),
}


class Problems:
    """Counts problems by kind and place, so that reading a label twice counts once."""

    def __init__(self) -> None:
        self._counts: dict[ProblemName, dict[str, int]] = {}

    def note(self, problem: ProblemName, place: Path | str, count: int = 1) -> None:
        """Record how often a problem occurs in one place; 0 records nothing.

        Args:
            problem: which one.
            place: the picture, or the file with its line.
            count: how often; it replaces what was noted for the same place.
        """
        if count:
            self._counts.setdefault(problem, {})[str(place)] = count

    def count(self, problem: ProblemName) -> int:
        """How often a problem occurred."""
        return sum(self._counts.get(problem, {}).values())

    def texts(self) -> tuple[Text, ...]:
        """One sentence for each kind, with the first place as an example."""
        return tuple(self._text(problem) for problem in _SENTENCES if problem in self._counts)

    def _text(self, problem: ProblemName) -> Text:
        first = next(iter(self._counts[problem]))
        return say("{problem} ({place})", problem=_SENTENCES[problem](self.count(problem)), place=Path(first).name)
