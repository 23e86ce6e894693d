"""Translatable sentences: written in English in the code, shown in the reader's language.

A :class:`Text` keeps its template and its values apart until it is shown, so a sentence
from deep in the core can be printed in English by the command line, stored in a job
folder, and shown in Chinese by a page. The English template is the key of the
translation, as in gettext.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath
from typing import Any

from core.common.paths import ASSETS

Language = str
"""The two letters of ISO 639-1, a key of :data:`LANGUAGES`."""

LANGUAGES: Mapping[Language, str] = {"en": "English", "zh": "中文"}
"""Every language of the pages with its own name; the templates are in English."""

_CATALOGUES = ASSETS / "languages"

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Orders to a terminal, changes of the direction of reading, and halves of characters, which nothing can encode."""


@dataclass(frozen=True)
class Text:
    """A sentence that can be shown in any language."""

    template: str
    """The English sentence, with ``{name}`` where a value goes."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """What goes into the template; a value may itself be a :class:`Text`."""

    def in_language(self, language: Language) -> str:
        """The sentence in ``language``, or in English where there is no translation."""
        template = self.template if language == "en" else _catalogue(language).get(self.template, self.template)
        values = {
            name: value.in_language(language) if isinstance(value, Text) else _shown(value)
            for name, value in self.values.items()
        }
        return template.format(**values) if values else template

    def __str__(self) -> str:
        return self.in_language("en")

    def to_json(self) -> dict[str, Any]:
        """As plain data for a job folder; :meth:`from_json` is its inverse."""
        values = {
            name: value.to_json() if isinstance(value, Text) else _as_json(value) for name, value in self.values.items()
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


def visible(text: str) -> str:
    """A name or message of strangers with escapes in the place of what terminals and pages would obey."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def as_text(text: str | bytes) -> str:
    """Text of a file of strangers, with escapes in the place of bytes that are no UTF-8."""
    return text if isinstance(text, str) else text.decode("utf-8", errors="backslashreplace")


def _shown(value: Any) -> Any:
    if isinstance(value, PurePath):
        return visible(str(value)).replace("\n", "\\n")
    return visible(value) if isinstance(value, str) else value


def language_of(locale: str) -> Language | None:
    """The language of a locale such as ``zh_CN.UTF-8`` or ``zh-Hans``, where the pages speak it."""
    code = locale[:2].lower()
    return code if code in LANGUAGES and not locale[2:3].isalpha() else None


def say(template: str, **values: Any) -> Text:
    """Make a :class:`Text`; a test checks that every literal template is translated."""
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


def _as_json(value: Any) -> str | int | float | bool | None:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


@cache
def _catalogue(language: Language) -> dict[str, str]:
    """All of ``assets/languages/<language>/*.json``: English template -> translation."""
    translations: dict[str, str] = {}
    for path in sorted((_CATALOGUES / language).glob("*.json")):
        translations.update(json.loads(path.read_text(encoding="utf-8")))
    return translations
