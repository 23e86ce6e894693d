"""Lists of class names and of characters, by index, as they lie beside models and data sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.common.errors import ImagesError
from core.common.paths import real_path
from core.common.text import say, visible
from core.labels.places import Places
from core.labels.reading import damaged, read_json, read_text, read_yaml

MAX_NAMES = 100_000
"""Lists with more lines are no lists of classes or characters."""

_MAX_LENGTH = 200  # characters of one name
_MAX_BYTES = 10_000_000
_LOOKED_AT = 100  # directories with label files
_NUMBERED = re.compile(r"(\d+)[ \t:,]\s*(\S.*)")  # "0 background", as TensorFlow Lite writes
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")

_Reader = Callable[[Path], tuple[str, ...]]


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the names of classes or characters, by index.

    Read are text files with one name a line (``labels.txt``, ``classes.txt``, ``coco.names``, dictionaries of
    characters, in which a line may hold one space), YAML and JSON files with a list of names or a mapping from index to
    name, at the top or under ``names``.

    Args:
        path: the file; its ending says which kind it is.

    Raises:
        ImagesError: it cannot be read, or holds no such list.
    """
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        names = names_of(read_yaml(path))
    elif suffix == ".json":
        names = names_of(read_json(path))
    else:
        names = _without_numbers(_lines(path))
    return _checked(path, names)


def read_characters(path: Path) -> tuple[str, ...]:
    """Read a dictionary of characters, by index: one a line, or PaddleOCR's ``inference.yml``.

    Raises:
        ImagesError: it cannot be read, or is no such list.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        return _checked(path, _lines(path))
    document = read_yaml(path)
    postprocessing = document.get("PostProcess") if isinstance(document, dict) else None
    characters = postprocessing.get("character_dict") if isinstance(postprocessing, dict) else None
    return _checked(path, names_of(characters))


def names_beside(model: Path) -> tuple[str, ...]:
    """Class names from a file beside a model; empty where there is none that looks like a list of names."""
    fixed = ("labels.txt", "classes.txt", "names.txt", "coco.names")
    wanted = (f"{model.stem}.txt", f"{model.stem}_labels.txt", *fixed, f"{model.stem}.names")
    there = Places(model.parent).files(real_path(model.parent))
    return next(_plausible((there[name] for name in wanted if name in there), read_class_names), ())


def characters_beside(model: Path, *, outputs: int | None = None) -> tuple[str, ...]:
    """Characters of a text recognition model from a dictionary beside it (``*dict*.txt``, ``*keys*.txt``).

    Args:
        model: the model's file.
        outputs: number of classes in its output, where it is known: with the blank, and maybe a space, one or two more
            than the dictionary has lines. Dictionaries of other lengths then do not count.

    Returns:
        Without the blank; empty where there is no dictionary. Of several, the one with the model's name, else the
        first.
    """
    there = Places(model.parent).files(real_path(model.parent))
    found = sorted(
        (path for name, path in there.items() if re.fullmatch(r"(?i).*(dict|keys).*\.txt|inference\.yml", name)),
        key=lambda path: (not path.name.startswith(model.stem), path.name),
    )
    for characters in _plausible(found, read_characters):
        if _is_dictionary(characters) and (outputs is None or 0 <= outputs - len(characters) <= 2):
            return characters
    return ()


def names_near(places: Places, label_files: Iterable[Path]) -> tuple[str, ...]:
    """Class names of a data set from ``classes.txt``, ``obj.names`` and the like beside its label files or above."""
    beside = list(dict.fromkeys(path.parent for path in label_files))
    directories = [*beside[:_LOOKED_AT], *places.upwards]
    pattern = re.compile(r"(?i)classes\.txt|labels\.txt|class_names\.txt|labelmap\.txt|.*\.names")
    found = (
        path for directory in directories for name, path in places.files(directory).items() if pattern.fullmatch(name)
    )
    return next(_plausible(found, read_class_names), ())


def names_of(value: Any) -> tuple[str, ...]:
    """Names from a list or a mapping index -> name, maybe under ``names``; empty where it is neither.

    A list of several words for one class, as in ``imagenet_class_index.json``, counts by the last one.
    """
    if isinstance(value, Mapping) and "names" in value:
        value = value["names"]
    if isinstance(value, Mapping):
        value = _in_order(value)
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        return ()
    names = [name[-1] if isinstance(name, list) and name else name for name in value]
    return tuple(visible(str(name)) for name in names) if all(isinstance(name, (str, int)) for name in names) else ()


def _in_order(names: Mapping[Any, Any]) -> list[Any] | None:
    """The values by their keys; None where the keys are not the numbers from 0."""
    by_index = {
        int(key): name for key, name in names.items() if str(key).isascii() and str(key).isdigit() and len(str(key)) < 9
    }
    if len(by_index) != len(names) or sorted(by_index) != list(range(len(names))):
        return None
    return [by_index[index] for index in range(len(names))]


def _lines(path: Path) -> tuple[str, ...]:
    # Not str.splitlines: dictionaries hold characters at which it would split.
    lines = read_text(path, _MAX_BYTES).split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return tuple(line.strip() or line[:1] for line in lines)


def _without_numbers(lines: tuple[str, ...]) -> tuple[str, ...]:
    """``0 cat``, ``1 dog`` -> ``cat``, ``dog``, where every line begins with its number."""
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    names = tuple(match[2] for index, match in enumerate(matches) if match and match[1] == str(index))
    return names if len(names) == len(lines) else lines


def _checked(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    next_step = say("Write one name a line, saved as UTF-8.")
    if not names or len(names) > MAX_NAMES:
        raise damaged(path, detail=f"{len(names)} names", next_step=next_step)
    for index, name in enumerate(names):
        if len(name) > _MAX_LENGTH or _CONTROL.search(name):
            raise damaged(path, line=index + 1, detail="no name", next_step=next_step)
    return names


def _plausible(paths: Iterator[Path] | Sequence[Path], reader: _Reader) -> Iterator[tuple[str, ...]]:
    for path in paths:
        try:
            yield reader(path)
        except ImagesError:
            continue


def _is_dictionary(names: Sequence[str]) -> bool:
    """Whether nearly all entries are one character; a few are signs such as ``<unk>`` or letters with an accent."""
    return sum(len(name) <= 1 for name in names) >= 0.9 * len(names)
