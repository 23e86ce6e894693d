"""Label files, read with care: of limited size, valid text, and an error that names the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.common.errors import ImagesError
from core.common.foreign_files import check_regular
from core.common.text import Text, say

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_TABLE_BYTES = 200_000_000
"""Of one file with the labels of all pictures."""

MAX_SMALL_BYTES = 5_000_000
"""Of one file with the labels of one picture."""

MAX_YAML_BYTES = 1_000_000
"""PyYAML reads some 100 kB in a second."""


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file.

    Raises:
        ImagesError: it has more than ``limit`` bytes, or cannot be read.
    """
    try:
        if check_regular(path) > limit:
            raise ImagesError(
                say(
                    'The file "{path}" is too large for labels: more than {megabytes} MB.',
                    path=path,
                    megabytes=limit // 10**6,
                ),
                next_step=say("Keep only the labels of these pictures in it, or move the file elsewhere."),
            )
        with path.open("rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as exc:
        raise damaged(path, detail=repr(exc)) from exc


def read_text(path: Path, limit: int) -> str:
    """Read a UTF-8 file, with or without byte order mark; line ends become newlines.

    Raises:
        ImagesError: it is too large, cannot be read, or is no UTF-8.
    """
    data = read_bytes(path, limit)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as exc:
        raise damaged(path, line=data[: exc.start].count(b"\n") + 1, detail=str(exc)) from exc


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ImagesError: it is too large, or no JSON.
    """
    text = read_text(path, MAX_TABLE_BYTES)
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise damaged(path, line=exc.lineno, detail=exc.msg) from exc
    except (RecursionError, ValueError, MemoryError) as exc:  # nested too deeply; a number of thousands of digits
        raise damaged(path, detail=repr(exc)[:500]) from exc


def read_yaml(path: Path) -> Any:
    """Read a YAML file; every plain value is a string, so a class may be called ``no`` or ``1.0``.

    Raises:
        ImagesError: it is too large, or no YAML.
    """
    import yaml

    text = read_text(path, MAX_YAML_BYTES)
    try:
        # BaseLoader makes strings, lists and mappings only, which is less than SafeLoader does; the loader in C would
        # end the process where brackets are nested too deeply.
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else None
        raise damaged(path, line=line, detail=str(exc.problem)) from exc
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as exc:
        raise damaged(path, detail=repr(exc)[:500]) from exc


def read_xml(path: Path) -> Element:
    """Read an XML file, which may not define entities nor refer to other files.

    Raises:
        ImagesError: it is too large, no XML, or has entities.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    data = read_bytes(path, MAX_SMALL_BYTES)
    try:
        root: Element = fromstring(data)
    except ParseError as exc:
        raise damaged(path, line=exc.position[0], detail=str(exc)) from exc
    except (DefusedXmlException, ValueError, LookupError) as exc:
        raise damaged(path, detail=repr(exc)[:500]) from exc
    return root


def damaged(path: Path, *, line: int | None = None, detail: str = "", next_step: Text | None = None) -> ImagesError:
    """The error about a label file that cannot be used as a whole.

    Args:
        path: the file.
        line: where, counted from 1; None where no line can be named.
        detail: technical detail.
        next_step: what to do; repairing or removing it by default.
    """
    if line is None:
        reason = say('The labels in "{path}" cannot be read.', path=path)
    else:
        reason = say('The labels in "{path}" cannot be read from line {line} on.', path=path, line=line)
    step = next_step or say("Repair the file, saved as UTF-8, or remove it.")
    return ImagesError(reason, next_step=step, detail=detail)
