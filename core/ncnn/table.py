"""The ``.table`` file: scales of weights and inputs, written by ncnn2table and read by ncnn2int8.

Format (ncnn, ``tools/quantize/ncnn2table.cpp``, ``save_table``; ``ncnn2int8.cpp``, ``read_int8scale_table``):
a line for each layer, ``name_param_0 scale scale ...`` for its weights and ``name scale`` for its input,
with six decimals. An empty line ends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ConversionError
from core.common.text import say

_WEIGHT_KEY = re.compile(r"_param_\d+$")


@dataclass(frozen=True)
class Table:
    """Scales by name; quantised = round(value * scale)."""

    rows: Mapping[str, NDArray[np.float32]]
    """``layer`` -> the scale of its input; ``layer_param_0`` -> those of its weights."""

    def weights(self, layer: str, index: int = 0) -> NDArray[np.float32] | None:
        """Scales of a layer's weights.

        Args:
            layer: name of the layer.
            index: of the weight array, where the layer has several.
        """
        return self.rows.get(f"{layer}_param_{index}")

    def input(self, layer: str) -> float | None:
        """The scale of a layer's input."""
        row = self.rows.get(layer)
        return None if row is None else float(row[0])

    def write(self) -> str:
        """The text of the file, with a space before each line end as ncnn writes it."""
        lines = (" ".join((key, *(f"{scale:f}" for scale in row))) for key, row in self.rows.items())
        return "".join(f"{line} \n" for line in lines)


def parse_table(text: str) -> Table:
    """Read a ``.table`` file.

    Raises:
        ConversionError: a line is not a name followed by numbers.
    """
    rows: dict[str, NDArray[np.float32]] = {}
    for line in text.splitlines():
        if not line.strip():
            break
        key, *numbers = line.split()
        try:
            rows[key] = np.array([float(number) for number in numbers], np.float32)
        except (ValueError, OverflowError) as exc:
            raise _unreadable(f"{key}: {exc}") from exc
        if not numbers or (len(numbers) > 1 and not _WEIGHT_KEY.search(key)):
            raise _unreadable(f"{key}: {len(numbers)} numbers")
    return Table(rows)


def _unreadable(detail: str) -> ConversionError:
    return ConversionError(
        say("The table of scales cannot be read."),
        next_step=say("Make it again with ncnn2table, or let EdgePress measure the ranges itself."),
        detail=detail[:300],
    )
