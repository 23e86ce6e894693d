"""The ``.param`` file: ncnn's graph as text. Unedited parts are written back byte for byte.

Format (ncnn, ``src/net.cpp``, ``Net::load_param``; ``src/paramdict.cpp``): a line with the magic
number, a line with the counts of layers and blobs, then one line for each layer::

    type name bottom_count top_count bottoms... tops... id=value id=value ...

Blob names are unique, layer names need not be; so layers are identified by their index here. ncnn's own reader
checks next to nothing and writes past its arrays on damaged files; so the checks are made here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.common.errors import ConversionError
from core.common.text import say

MAGIC = "7767517"

_ARRAY_BASE = -23300  # older syntax: the array with id 3 has the key -23303
_IDS = range(32)  # NCNN_MAX_PARAM_COUNT
_MAX_NAME = 255  # size of the buffer of ncnn's reader
_PARAM = re.compile(r'(-?\d{1,6})=("[^"]*"|\S*)')  # a quoted value may contain spaces


@dataclass(frozen=True)
class Layer:
    """One line of the file."""

    type: str
    name: str
    bottoms: tuple[str, ...]
    """Names of its input blobs."""

    tops: tuple[str, ...]
    """Names of its output blobs."""

    params: Mapping[int, str] = field(default_factory=dict)
    """Parameter id -> its value as written."""

    text: str = ""
    """The line as in the file, with any empty lines after it, without its own line end."""

    def integer(self, key: int, default: int = 0) -> int:
        """A parameter as an integer.

        Raises:
            ConversionError: it is not an integer.
        """
        try:
            return int(self.params.get(key, default))
        except ValueError as exc:
            raise damaged(f"layer {self.name}: parameter {key} is {self.params[key]!r}") from exc

    def with_param(self, key: int, value: str) -> Layer:
        """The same layer with one parameter set; the rest of its line stays as it is."""
        start = _params_start(self.text, len(self.bottoms) + len(self.tops))
        matches = [match for match in _PARAM.finditer(self.text, start) if _param_id(match[1]) == key]
        begin, end = matches[0].span() if matches else (len(self.text.rstrip()),) * 2
        text = f"{self.text[:begin]}{'' if matches else ' '}{key}={value}{self.text[end:]}"
        return replace(self, params={**self.params, key: value}, text=text)

    def with_bottoms(self, bottoms: tuple[str, ...]) -> Layer:
        """The same layer with other inputs, as many as it has."""
        counts = f"{self.type} {self.name} {len(bottoms)} {len(self.tops)}"
        params = self.text[_params_start(self.text, len(self.bottoms) + len(self.tops)) :].strip()
        end = self.text[len(self.text.rstrip()) :]
        return replace(self, bottoms=bottoms, text=" ".join((counts, *bottoms, *self.tops, params)).rstrip() + end)


@dataclass(frozen=True)
class Param:
    """A whole file."""

    layers: tuple[Layer, ...]
    header: tuple[str, str]
    """The first two lines as in the file: magic number; counts of layers and blobs."""

    def write(self) -> str:
        """The text of the file; for an unedited file, exactly the text that was read."""
        return "\n".join((*self.header, *(layer.text for layer in self.layers)))

    def with_layers(self, layers: Sequence[Layer]) -> Param:
        """The same file with other layers, and their counts in its header."""
        counts = f"{len(layers)} {sum(len(layer.tops) for layer in layers)}"
        return Param(tuple(layers), (self.header[0], counts))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Output blobs of the Input layers."""
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
    lines = _lines(text)
    if len(lines) < 2 or lines[0].strip() != MAGIC:
        raise damaged("the magic number 7767517 is missing")
    layers = tuple(parse_layer(line) for line in lines[2:])
    try:
        layer_count, blob_count = (int(token) for token in lines[1].split())
    except ValueError as exc:
        raise damaged(f"the second line is {lines[1][:200]!r}") from exc
    if layer_count != len(layers):
        raise damaged(f"{layer_count} layers were announced, {len(layers)} are there")
    _check_blobs(layers, blob_count)
    return Param(layers, (lines[0], lines[1]))


def _lines(text: str) -> list[str]:
    """Non-empty lines, each with the empty lines that follow it, so that they join to the same text."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.strip() or not lines:
            lines.append(line)
        else:
            lines[-1] += f"\n{line}"
    return lines


def _check_blobs(layers: Sequence[Layer], announced: int) -> None:
    """Check that each blob is written once, and before it is read; else ncnn's reader runs past its list of blobs."""
    written: set[str] = set()
    for layer in layers:
        unknown = [bottom for bottom in layer.bottoms if bottom not in written]
        if unknown:
            raise damaged(f"layer {layer.name} reads {unknown[0]}, which no layer before it writes")
        for top in layer.tops:
            if top in written:
                raise damaged(f"layer {layer.name} writes {top}, which is written already")
            written.add(top)
    if announced != len(written):
        raise damaged(f"{announced} blobs were announced, {len(written)} are there")


def parse_layer(line: str) -> Layer:
    """One layer from its line.

    Raises:
        ConversionError: the line does not follow the format.
    """
    tokens = line.split()
    try:
        bottom_count, top_count = int(tokens[2]), int(tokens[3])
        names = tokens[4 : 4 + bottom_count + top_count]
        if min(bottom_count, top_count) < 0 or len(names) != bottom_count + top_count:
            raise ValueError("wrong number of blobs")
        if max(map(len, (tokens[0], tokens[1], *names))) > _MAX_NAME:
            raise ValueError("a name is too long")
        params = _parse_params(line[_params_start(line, len(names)) :])
    except (IndexError, ValueError) as exc:
        raise damaged(f"{exc}: {line[:200]!r}") from exc
    return Layer(
        type=tokens[0],
        name=tokens[1],
        bottoms=tuple(names[:bottom_count]),
        tops=tuple(names[bottom_count:]),
        params=params,
        text=line,
    )


def _params_start(line: str, blob_count: int) -> int:
    """Offset of a line's parameters: after type, name, two counts and the blob names."""
    match = re.match(rf"\s*(?:\S+\s+){{{3 + blob_count}}}\S+", line)
    return match.end() if match else len(line)


def _parse_params(text: str) -> dict[int, str]:
    params: dict[int, str] = {}
    for match in _PARAM.finditer(text):
        # In the older syntax an array starts with its length.
        value = match[2].partition(",")[2] if int(match[1]) <= _ARRAY_BASE else match[2]
        params[_param_id(match[1])] = value
    rest = _PARAM.sub("", text).strip()
    if rest:
        raise ValueError(f"{rest[:40]!r} is no parameter")
    unknown = [key for key in params if key not in _IDS]
    if unknown:
        raise ValueError(f"there is no parameter {unknown[0]}")
    return params


def _param_id(key: str) -> int:
    number = int(key)
    return _ARRAY_BASE - number if number <= _ARRAY_BASE else number
