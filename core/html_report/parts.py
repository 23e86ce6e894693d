"""What the sections of the report are made of, in the reader's language already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from core.common.text import Language, Text, say, visible

Tell: TypeAlias = Callable[[Text | str], str]
"""A sentence in the reader's language, or a name of strangers without what would act on the page; not yet escaped."""


@dataclass(frozen=True)
class Fact:
    """A name and what is known of it."""

    name: str
    value: str


@dataclass(frozen=True)
class Heading:
    """Of a column."""

    words: str
    is_number: bool = False


@dataclass(frozen=True)
class Cell:
    """Of a table."""

    words: str
    below: tuple[str, ...] = ()
    """Smaller lines under them."""

    tone: str = ""
    """Class of its colour: a key of :data:`core.report.wording.STATE_LETTERS`."""

    is_name: bool = False
    """Whether it is a name of strangers, which may be long."""


@dataclass(frozen=True)
class Table:
    """Headings, and as many cells in each row."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Chart:
    """A drawing with what is said about it."""

    title: str
    svg: str
    """An SVG element, whose texts are escaped."""

    below: tuple[str, ...] = ()


def teller(language: Language) -> Tell:
    """For one language."""
    return lambda words: words.in_language(language) if isinstance(words, Text) else visible(words)


def listed(words: Sequence[Text | str], tell: Tell, *, most: int, separator: Text | None = None) -> str:
    """A list in a sentence; of a long one the beginning, and how many more there are."""
    shown = [tell(one) for one in words[:most]]
    left = len(words) - len(shown)
    if left:
        shown.append(tell(say("{count} more", count=left)))
    return tell(separator or say(", ")).join(shown)
