"""Everything a person can read exists in both languages; found by reading the code, not by remembering."""

import ast
import json
import string
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = [
    ROOT / "start.py",
    ROOT / "app.py",
    *(path for part in ("core", "pages", "tools") for path in (ROOT / part).rglob("*.py")),
]
CATALOGUES = sorted((ROOT / "assets" / "languages" / "zh").glob("*.json"))


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
    return {template: path.name for path in CODE if path.exists() for template in templates(path)}


def translations() -> dict[str, str]:
    return {key: text for path in CATALOGUES for key, text in json.loads(path.read_text(encoding="utf-8")).items()}


def test_every_sentence_in_the_code_has_a_chinese_twin():
    missing = {template: where for template, where in all_templates().items() if template not in translations()}
    assert not missing, json.dumps(missing, indent=1, ensure_ascii=False)


def test_every_twin_takes_the_same_values():
    wrong = [key for key, text in translations().items() if fields(key) != fields(text)]
    assert not wrong


def test_no_sentence_is_translated_that_nobody_says():
    assert not sorted(set(translations()) - set(all_templates()))


def test_no_sentence_is_translated_in_two_files():
    counts = Counter(key for path in CATALOGUES for key in json.loads(path.read_text(encoding="utf-8")))
    assert not [key for key, count in counts.items() if count > 1]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_twins_are_chinese(path):
    names = {"SQNR", "Top-1", "EdgePress"}
    for key, text in json.loads(path.read_text(encoding="utf-8")).items():
        if key not in names and any(character.isalpha() for character in key.replace("{", "")):
            assert any("一" <= character <= "鿿" for character in text) or fields(key), (key, text)
