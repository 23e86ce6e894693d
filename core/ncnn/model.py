"""An ncnn model in memory: graph, weights, and the blobs of the source's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.param import Layer, Param, damaged, parse_param
from core.ncnn.weights import Array, read_weights, write_weights

_MOVING = frozenset({"Split", "Reshape", "Crop", "Slice", "Squeeze", "ExpandDims", "Flatten", "Permute", "Noop"})
"""Layers that copy values without computing with them."""


@dataclass(frozen=True)
class NcnnModel:
    """``.param`` and ``.bin`` together, since an edit mostly concerns both."""

    param: Param
    weights: tuple[tuple[Array, ...], ...]
    """The arrays of each layer of ``param``, in the order of the ``.bin`` file."""

    inputs: Mapping[str, str]
    """Input name of the source -> blob."""

    outputs: Mapping[str, str]
    """Output name of the source -> blob, in the source's order."""

    @classmethod
    def load(
        cls, param_path: Path, bin_path: Path, *, inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> NcnnModel:
        """Read both files.

        Args:
            param_path: the ``.param`` file.
            bin_path: the ``.bin`` file.
            inputs: input name of the source -> blob.
            outputs: output name of the source -> blob.

        Raises:
            ConversionError: a file is missing or damaged, or the two do not belong together.
        """
        try:
            # Not read_text, which would convert the line ends of Windows.
            param = parse_param(param_path.read_bytes().decode("utf-8"))
            content = bin_path.read_bytes()
        except UnicodeDecodeError as exc:
            raise damaged(str(exc)) from exc
        except OSError as exc:
            raise ConversionError(
                say("The ncnn model cannot be read."),
                next_step=say("Check that both its files, .param and .bin, are in their place."),
                detail=str(exc),
            ) from exc
        return cls(param, read_weights(param, content), inputs, outputs)

    def edited(self, edit: Callable[[int, Layer, tuple[Array, ...]], tuple[Layer, tuple[Array, ...]]]) -> NcnnModel:
        """The model with ``edit(index, layer, arrays)`` applied to every layer."""
        pairs = [edit(index, *pair) for index, pair in enumerate(zip(self.param.layers, self.weights, strict=True))]
        param = replace(self.param, layers=tuple(layer for layer, _ in pairs))
        return replace(self, param=param, weights=tuple(arrays for _, arrays in pairs))

    @property
    def integer_inputs(self) -> frozenset[str]:
        """Input blobs that take 32-bit integers: those that reach an Embed unchanged. All others take floats."""
        origins = {blob: blob for blob in self.param.inputs}
        found = set()
        for layer in self.param.layers:
            if layer.type in _MOVING and layer.bottoms[0] in origins:
                origins.update(dict.fromkeys(layer.tops, origins[layer.bottoms[0]]))
            if layer.type == "Embed" and layer.bottoms[0] in origins:
                found.add(origins[layer.bottoms[0]])
        return frozenset(found)

    def input_shape(self, blob: str) -> tuple[int, ...] | None:
        """The shape of an input, outermost axis first; None where the file does not say."""
        layer = next(layer for layer in self.param.layers if blob in layer.tops)
        sizes = tuple(layer.integer(key) for key in (2, 11, 1, 0) if key in layer.params)
        return sizes or None

    def save(self, param_path: Path, bin_path: Path) -> tuple[Path, Path]:
        """Write both files, with the same line ends on every system."""
        param_path.write_bytes(self.param.write().encode())
        bin_path.write_bytes(write_weights(self.weights))
        return param_path, bin_path
