"""What READMEs of a kit are made of: facts, headings, lines of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.common.text import LANGUAGES, Language, Text
from core.kit.markdown import plain
from core.report.schema import OutcomeEntry, Report
from core.tasks.base import AnyTask

Lines = Iterator[str | Text]


@dataclass(frozen=True)
class Facts:
    """What a README tells."""

    outcome: OutcomeEntry
    report: Report
    task: AnyTask
    settings: Mapping[str, Any]
    labels: Sequence[str]
    examples: Sequence[str]
    """Names of the example files."""

    page: Sequence[Path] = ()
    """Files of the web page; none where there is no page for this model."""

    has_web_runtime: bool = False


def readme_name(language: Language) -> str:
    """README.md in English, README.zh.md in Chinese."""
    return "README.md" if language == "en" else f"README.{language}.md"


def in_markdown(title: str, sections: Iterable[tuple[Text | None, Iterable[str | Text]]], language: Language) -> str:
    """Title and sections, of which those that are empty are left out.

    Args:
        title: in Markdown.
        sections: heading, None for the first one, and lines.
        language: of the text.
    """
    lines = [f"# {title}", "", _other_languages(language)]
    for heading, body in sections:
        shown = [one if isinstance(one, str) else one.in_language(language) for one in body]
        if shown:
            lines += ["", *([] if heading is None else [f"## {heading.in_language(language)}", ""]), *shown]
    return "\n".join(lines) + "\n"


def _other_languages(language: Language) -> str:
    return " · ".join(
        name if code_ == language else f"[{name}]({readme_name(code_)})" for code_, name in LANGUAGES.items()
    )


def item(text: Text) -> Text:
    """One of a list."""
    return Text("- {text}", {"text": text})


def escaped(text: Text) -> Text:
    """With its values, which may be names of strangers, as nothing but text."""
    values = {
        name: escaped(value) if isinstance(value, Text) else plain(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return Text(text.template, values)
