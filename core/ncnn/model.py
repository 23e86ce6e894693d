"""A whole ncnn model in memory: the graph, its weights, and which blobs are the source's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.ncnn.param import Layer, Param
from core.ncnn.weights import Array, write_weights


@dataclass(frozen=True)
class NcnnModel:
    """``.param`` and ``.bin`` together, so that the one is never edited without the other."""

    param: Param
    weights: tuple[tuple[Array, ...], ...]
    """For each layer of ``param``, its arrays in the order of the file."""

    inputs: Mapping[str, str]
    """Input name of the source -> blob."""

    outputs: Mapping[str, str]
    """Output name of the source -> blob, in the source's order."""

    def edited(self, edit: Callable[[int, Layer, tuple[Array, ...]], tuple[Layer, tuple[Array, ...]]]) -> NcnnModel:
        """The model with ``edit(index, layer, arrays)`` applied to every layer."""
        pairs = [edit(index, *pair) for index, pair in enumerate(zip(self.param.layers, self.weights, strict=True))]
        param = replace(self.param, layers=tuple(layer for layer, _ in pairs))
        return replace(self, param=param, weights=tuple(arrays for _, arrays in pairs))

    def save(self, param_path: Path, bin_path: Path) -> tuple[Path, Path]:
        """Write both files; the text with plain line ends on every system."""
        param_path.write_bytes(self.param.write().encode())
        bin_path.write_bytes(write_weights(self.weights))
        return param_path, bin_path
