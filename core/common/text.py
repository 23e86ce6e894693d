"""Sentences for people: written in English where they arise, shown in the reader's language.

A :class:`Text` keeps its template and its values apart until somebody reads it, so one
sentence raised deep in the core can be printed in English by the command line, stored in
a job folder, and shown in Chinese by a page. The English template is the key of the
translation, as in gettext.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from core.common.paths import ASSETS

Language = Literal["en", "zh"]

LANGUAGES: tuple[Language, ...] = ("en", "zh")
"""Every language that the pages can speak; English is the language of the templates."""

_CATALOGUES = ASSETS / "languages"


@dataclass(frozen=True)
class Text:
    """One sentence, ready to be said in any language."""

    template: str
    """The English sentence, with ``{name}`` where a value goes."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """What goes into the template; a value may itself be a :class:`Text`."""

    def in_language(self, language: Language) -> str:
        """Say it in ``language``, or in English where no translation is known."""
        template = self.template if language == "en" else _catalogue(language).get(self.template, self.template)
        spoken = {
            name: value.in_language(language) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return template.format(**spoken) if spoken else template

    def __str__(self) -> str:
        return self.in_language("en")

    def to_json(self) -> dict[str, Any]:
        """As plain data for a job folder; :meth:`from_json` is its inverse."""
        values = {
            name: value.to_json() if isinstance(value, Text) else _plain(value) for name, value in self.values.items()
        }
        return {"template": self.template, "values": values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Text:
        """Read what :meth:`to_json` wrote."""
        values = {
            name: cls.from_json(value) if isinstance(value, Mapping) and "template" in value else value
            for name, value in data["values"].items()
        }
        return cls(data["template"], values)


def say(template: str, **values: Any) -> Text:
    """Make a :class:`Text`; every literal template has a Chinese twin, which a test asserts."""
    return Text(template, values)


def plural(singular: str, many: str, *, count: int, **values: Any) -> Text:
    """Make a :class:`Text` whose English depends on a number: ``1 image``, ``2 images``.

    Args:
        singular: template for a count of 1.
        many: template for every other count.
        count: goes into the template as ``{count}``.
        values: whatever else goes into it.
    """
    return Text(singular if count == 1 else many, {"count": count, **values})


def _plain(value: Any) -> str | int | float | bool | None:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


@cache
def _catalogue(language: Language) -> dict[str, str]:
    """Join every ``assets/languages/<language>/*.json``: English template -> translation."""
    joined: dict[str, str] = {}
    for path in sorted((_CATALOGUES / language).glob("*.json")):
        joined.update(json.loads(path.read_text(encoding="utf-8")))
    return joined
