"""The ``.bin`` file: weights in the order of the layers, with no names and no header.

There are two kinds of arrays (ncnn, ``src/modelbin.cpp``): *raw* ones are plain float32; *tagged* ones start with
32 bits for the element type. Which arrays a layer has, and of how many elements, see :mod:`core.ncnn.slots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.ncnn.param import Layer, Param, damaged
from core.ncnn.slots import Slot, slots

TAG_FLOAT32 = 0x00000000
TAG_FLOAT16 = 0x01306B47
TAG_INT8 = 0x000D4B38
TAG_RAW_FLOAT32 = 0x0002C056

_DTYPES: Mapping[int, Any] = {
    TAG_FLOAT32: np.float32,
    TAG_FLOAT16: np.float16,
    TAG_INT8: np.int8,
    TAG_RAW_FLOAT32: np.float32,
}
_MAX_ELEMENTS = 2**31


@dataclass(frozen=True)
class Array:
    """An array as in the file."""

    slot: Slot
    values: NDArray[Any]
    """One-dimensional; float32, float16 or int8."""

    tag: int | None
    """None for raw arrays."""

    padding: bytes = b""
    """Bytes up to a multiple of four, as read: writers fill them differently, and files are written back unchanged."""

    def write(self) -> bytes:
        """Its bytes in the file."""
        tag = b"" if self.tag is None else np.uint32(self.tag).tobytes()
        return tag + self.values.tobytes() + self.padding


def stored(slot: Slot, values: NDArray[Any]) -> Array:
    """A new array for a slot, tagged by the element type of its values.

    Args:
        slot: gives the role, and whether the array is tagged; a raw one becomes float32.
        values: float32, float16 or int8.
    """
    values = np.ascontiguousarray(values).ravel()
    new_slot = Slot(slot.role, values.size, slot.tagged)
    if not slot.tagged:
        return Array(new_slot, values.astype(np.float32), None)
    tags = {np.dtype(np.float32): TAG_FLOAT32, np.dtype(np.float16): TAG_FLOAT16, np.dtype(np.int8): TAG_INT8}
    return Array(new_slot, values, tags[values.dtype], b"\0" * (-values.nbytes % 4))


def raw(role: str, values: NDArray[Any]) -> Array:
    """A raw float32 array."""
    return stored(Slot(role, values.size, tagged=False), values)


def read_weights(param: Param, content: bytes) -> tuple[tuple[Array, ...], ...]:
    """Read all arrays.

    Args:
        param: the graph, which determines the arrays.
        content: of the ``.bin`` file.

    Returns:
        The arrays of each layer, in the order of the file.

    Raises:
        ConversionError: the file is longer or shorter than the graph requires, or a layer type is unknown.
    """
    reader = _Reader(content)
    layers = tuple(tuple(reader.read(slot, layer) for slot in slots(layer)) for layer in param.layers)
    if reader.position != len(content):
        raise damaged(f"{len(content) - reader.position} bytes are left over at the end of the .bin file")
    return layers


def write_weights(layers: Sequence[Sequence[Array]]) -> bytes:
    """The content of a ``.bin`` file."""
    return b"".join(array.write() for arrays in layers for array in arrays)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def read(self, slot: Slot, layer: Layer) -> Array:
        if not 0 <= slot.count < _MAX_ELEMENTS:
            raise damaged(f"layer {layer.name}: its {slot.role} would have {slot.count} numbers")
        tag = int(np.frombuffer(self._take(4, layer), np.uint32)[0]) if slot.tagged else None
        dtype = np.dtype(np.float32 if tag is None else _DTYPES.get(tag, np.void))
        if dtype == np.void:
            raise damaged(f"layer {layer.name}: its {slot.role} is stored in an unknown way ({tag:#x})")
        size = slot.count * dtype.itemsize
        values = np.frombuffer(self._take(size, layer), dtype)
        padding = self._take(-size % 4, layer) if tag is not None else b""
        return Array(slot, values, tag, padding)

    def _take(self, size: int, layer: Layer) -> bytes:
        content = self._content[self.position : self.position + size]
        if len(content) < size:
            raise damaged(f"the .bin file ends inside layer {layer.name}")
        self.position += size
        return content
