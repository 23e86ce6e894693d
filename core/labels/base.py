"""What every format of labels becomes: the truth of each picture, and words about what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from core.common.errors import ImagesError
from core.common.text import Text, plural, say
from core.labels.problems import Problems
from core.tasks.predictions import Truth

LabelKind = Literal["classes", "objects", "masks", "text"]
"""What a label says: the class of a picture, objects in it, the class of every pixel, or the text in it."""

Preference: TypeAlias = LabelKind | Literal["keypoints"]
"""What to take where a folder has labels of several kinds; ``keypoints``: objects, best with keypoints."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a folder of pictures; what costs time is read only when it is asked for."""

    kind: LabelKind
    description: Text
    """For people: what is known of how many pictures, in which format, from which file."""

    files: frozenset[Path]
    """The pictures that have a label, as paths of the folder's own list."""

    read: Callable[[Path], Truth | None]
    """Reads the label of one of :attr:`files`; None, with a note in :attr:`noted`, where it is damaged."""

    class_names: tuple[str, ...] = ()
    """By the label set's own index; empty where it has no indices or no names."""

    labels: frozenset[str] = frozenset()
    """All distinct labels of whole pictures; empty for the other kinds."""

    has_keypoints: bool = False
    noted: Problems = field(default_factory=Problems)

    @property
    def count(self) -> int:
        """How many pictures have a label."""
        return len(self.files)

    @property
    def problems(self) -> tuple[Text, ...]:
        """What was mended or left out so far: in the label files, and in the pictures asked for with :meth:`truth`."""
        return self.noted.texts()

    def truth(self, file: Path) -> Truth | None:
        """Label of a picture, in the pixels of the upright image.

        Args:
            file: a path of the folder's own list.

        Returns:
            None where there is no label, or none that can be read, which is then among :attr:`problems`.
        """
        if file not in self.files:
            return None
        try:
            return self.read(file)
        except ImagesError:
            self.noted.note("unreadable-file", file)
            return None


def describe(what: Text, count: int, total: int, *parts: Text | str) -> Text:
    """The sentence about labels that were found.

    Args:
        what: is known of the pictures: boxes, masks, text.
        count: number of pictures with a label.
        total: number of pictures.
        parts: the format, its file, the number of classes.
    """
    source = joined(parts)
    if count == total:
        return plural(
            "Right answers known: {what} of {count} picture ({source})",
            "Right answers known: {what} of {count} pictures ({source})",
            count=count,
            what=what,
            source=source,
        )
    return say(
        "Right answers known: {what} of {count} of {total} pictures ({source})",
        what=what,
        count=count,
        total=total,
        source=source,
    )


def place_and_classes(place: Text | str, class_names: Sequence[str]) -> tuple[Text | str, ...]:
    """Parts of :func:`describe`: where the labels are, and how many classes they have, if that is known."""
    return (place, class_count(len(class_names))) if class_names else (place,)


def joined(parts: Iterable[Text | str]) -> Text:
    """An enumeration with commas; at least one part."""
    first, *others = parts
    result = first if isinstance(first, Text) else say("{name}", name=first)
    for part in others:
        result = say("{first}, {second}", first=result, second=part)
    return result


def class_count(count: int) -> Text:
    """A number of classes in words."""
    return plural("{count} class", "{count} classes", count=count)
