"""Everything a person can read exists in every language; found by reading the code, not by remembering."""

import ast
import json
import string
from collections import Counter
from pathlib import Path

import pytest

from core.common.text import LANGUAGES

ROOT = Path(__file__).resolve().parent.parent
CODE = [
    ROOT / "start.py",
    ROOT / "app.py",
    *(path for part in ("core", "pages", "tools") for path in (ROOT / part).rglob("*.py")),
]
CATALOGUES = ROOT / "assets" / "languages"
TRANSLATIONS = [language for language in LANGUAGES if language != "en"]


def templates(path: Path) -> list[str]:
    """The literal first arguments of say(...) and t(...), and the first two of plural(...)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("say", "t", "plural"):
            found += [argument.value for argument in node.args[: 2 if name == "plural" else 1]]
    return found


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def all_templates() -> dict[str, str]:
    return {template: path.name for path in CODE for template in templates(path)}


def translations(language: str) -> list[tuple[str, str]]:
    paths = sorted((CATALOGUES / language).glob("*.json"))
    return [pair for path in paths for pair in json.loads(path.read_text(encoding="utf-8")).items()]


def test_every_language_has_its_folder_and_every_folder_its_language():
    assert {path.name for path in CATALOGUES.iterdir()} == set(TRANSLATIONS)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_sentence_in_the_code_is_translated(language):
    known = dict(translations(language))
    missing = {template: where for template, where in all_templates().items() if template not in known}
    assert not missing, json.dumps(missing, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_translation_takes_the_same_values(language):
    assert not [key for key, text in translations(language) if fields(key) != fields(text)]


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_sentence_is_translated_that_nobody_says(language):
    assert not sorted({key for key, _ in translations(language)} - set(all_templates()))


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_sentence_is_translated_twice(language):
    counts = Counter(key for key, _ in translations(language))
    assert not [key for key, count in counts.items() if count > 1]


def test_chinese_translations_are_chinese():
    names = {"SQNR", "Top-1", "EdgePress"}
    for key, text in translations("zh"):
        if key not in names and any(character.isalpha() for character in key.replace("{", "")):
            assert any("一" <= character <= "鿿" for character in text) or fields(key), (key, text)
