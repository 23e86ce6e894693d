"""The ``.param`` file: ncnn's graph as text, kept as it is and edited in place.

Format (ncnn, ``src/net.cpp``, ``Net::load_param``; ``src/paramdict.cpp``): a line with the magic
number, a line with the counts of layers and blobs, then one line for each layer::

    type name bottom_count top_count bottoms... tops... id=value id=value ...

Layer names need not be unique, blob names are; so layers are known by their index here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.errors import ConversionError
from core.text import say

MAGIC = "7767517"

_ARRAY_BASE = -23300  # an array with id 3 is written under the key -23303 in the older spelling


@dataclass(frozen=True)
class Layer:
    """One line of the file."""

    type: str
    name: str
    bottoms: tuple[str, ...]
    """Names of the blobs it reads."""

    tops: tuple[str, ...]
    """Names of the blobs it writes."""

    params: Mapping[int, str] = field(default_factory=dict)
    """Parameter id -> its value as written."""

    text: str = ""
    """The line as it stands in the file, without its line end."""

    def integer(self, key: int, default: int = 0) -> int:
        """A parameter as a whole number.

        Raises:
            ConversionError: it is something else.
        """
        try:
            return int(self.params.get(key, default))
        except ValueError as exc:
            raise damaged(f"layer {self.name}: parameter {key} is {self.params[key]!r}") from exc

    def with_param(self, key: int, value: str) -> Layer:
        """The same layer with one parameter set; everything else of its line stays as it is."""
        tokens = [token for token in self.text.split(" ") if not token.startswith(f"{key}=")]
        return replace(self, params={**self.params, key: value}, text=" ".join([*tokens, f"{key}={value}"]))


@dataclass(frozen=True)
class Param:
    """A whole file."""

    layers: tuple[Layer, ...]
    header: tuple[str, str]
    """The first two lines."""

    def write(self) -> str:
        """The text of the file; for an unedited file, the very text that was read."""
        return "\n".join((*self.header, *(layer.text for layer in self.layers))) + "\n"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Blobs that are fed."""
        return tuple(top for layer in self.layers if layer.type == "Input" for top in layer.tops)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Blobs that no layer reads."""
        read = {bottom for layer in self.layers for bottom in layer.bottoms}
        return tuple(top for layer in self.layers for top in layer.tops if top not in read)


def damaged(detail: str) -> ConversionError:
    """The error for a file that does not follow the format."""
    return ConversionError(
        say("The ncnn model is damaged."),
        next_step=say("Convert the original model again."),
        detail=detail,
    )


def parse_param(text: str) -> Param:
    """Read a ``.param`` file.

    Raises:
        ConversionError: the text does not follow the format.
    """
    lines = text.splitlines()
    if len(lines) < 2 or lines[0].strip() != MAGIC:
        raise damaged("the magic number 7767517 is missing")
    layers = tuple(_parse_layer(line) for line in lines[2:] if line.strip())
    try:
        count = int(lines[1].split()[0])
    except (IndexError, ValueError) as exc:
        raise damaged(f"the second line is {lines[1]!r}") from exc
    if count != len(layers):
        raise damaged(f"{count} layers were announced, {len(layers)} are there")
    return Param(layers, (lines[0], lines[1]))


def _parse_layer(line: str) -> Layer:
    tokens = line.split()
    try:
        bottom_count, top_count = int(tokens[2]), int(tokens[3])
        names = tokens[4 : 4 + bottom_count + top_count]
        if min(bottom_count, top_count) < 0 or len(names) != bottom_count + top_count:
            raise ValueError("wrong number of blobs")
        params = dict(_parse_param(token) for token in tokens[4 + len(names) :])
    except (IndexError, ValueError) as exc:
        raise damaged(f"{exc}: {line[:200]!r}") from exc
    return Layer(
        type=tokens[0],
        name=tokens[1],
        bottoms=tuple(names[:bottom_count]),
        tops=tuple(names[bottom_count:]),
        params=params,
        text=line.rstrip(),
    )


def _parse_param(token: str) -> tuple[int, str]:
    key, equals, value = token.partition("=")
    if not equals:
        raise ValueError(f"{token!r} is no parameter")
    number = int(key)
    if number <= _ARRAY_BASE:
        # The older spelling starts with the number of elements.
        return _ARRAY_BASE - number, value.partition(",")[2]
    return number, value
