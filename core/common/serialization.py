"""Convert frozen dataclasses to JSON data and back with cattrs, paths and :class:`Text` included.

Missing fields take their defaults and unknown keys are ignored, so files of earlier and later versions open. Not for
modules that run before anything is installed, since cattrs is a package.
"""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from cattrs.errors import CattrsError
from cattrs.preconf.json import JsonConverter, make_converter

from core.common.paths import is_text
from core.common.text import Text

Data = TypeVar("Data")


def to_data(value: Any) -> Any:
    """A dataclass as data for :mod:`json`; :func:`from_data` is its inverse."""
    return _converter().unstructure(value)


def from_data(kind: type[Data], data: Any) -> Data:
    """Read what :func:`to_data` wrote.

    Args:
        kind: the dataclass.
        data: what was read from a file or another process.

    Raises:
        ValueError: it is something else, or damaged.
        EdgePressError: the dataclass itself refuses a value.
    """
    try:
        return _converter().structure(data, kind)
    except (CattrsError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as exc:
        raise ValueError(f"no {kind.__name__}: {exc!r}") from exc


@cache
def _converter() -> JsonConverter:
    converter = make_converter(
        detailed_validation=False,  # else one error becomes a group of them
        unstruct_collection_overrides={tuple: list, AbstractSet: sorted},
    )
    converter.register_structure_hook(str, lambda value, _: _encodable(value))
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: _path(value))
    converter.register_unstructure_hook(Text, Text.to_json)
    converter.register_structure_hook(Text, lambda value, _: _text(value))
    return converter


def _encodable(value: Any) -> str:
    """Text in which halves of characters (surrogates), which no table and no browser takes, are replaced by "?"."""
    text = str(value)
    return text if is_text(text) else text.encode("utf-8", errors="replace").decode("utf-8")


def _path(value: Any) -> Path:
    """A path in whose place another one must not stand: what the system cannot encode is none. Folders of pictures may
    have names that are no text, as those of Linux can be any bytes.
    """
    os.fsencode(value)
    return Path(value)


def _text(value: Any) -> Text:
    text = Text.from_json(value)
    str(text)  # fails here, not where it is shown, if the values do not fit the template
    return text
