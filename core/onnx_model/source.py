"""The description of an ONNX file: its inputs, outputs, operators, weights and metadata."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from core.common.errors import OptionError
from core.common.serialization import from_data
from core.common.text import visible
from core.preprocessing import INTEGER_MEAN, Layout, Preprocessing

Dimension: TypeAlias = int | str
"""A fixed size, or the name of a free dimension ("?" where it has none)."""

_QUANTIZED_OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
    | {"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "QAttention", "QGemm"}
)

_MOST_SIDES_CHARACTERS, _MOST_NAMES_CHARACTERS, _MOST_NAMES, _MOST_NAME_CHARACTERS = 100, 2_000_000, 100_000, 200
"""Of sizes and class names in the metadata: longer ones are none, and would take gigabytes to read."""

_NO_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)
"""What reading a Python literal raises; TypeError for a list as a key."""

_MOST_STORED_PIXELS = 4096 * 4096
"""Of a stored preprocessing: with more, each picture would take a gigabyte. By hand a larger size can be set."""

_IMAGE_DTYPES = frozenset({"float32", "float16", "float64", *INTEGER_MEAN})


@dataclass(frozen=True)
class TensorInfo:
    """An input or an output of the model."""

    name: str
    shape: tuple[Dimension, ...]
    dtype: str
    """Element type by its numpy name, such as ``float32``; ``unknown`` where the file does not say."""

    @property
    def is_static(self) -> bool:
        """Whether every dimension is fixed."""
        return all(isinstance(size, int) for size in self.shape)

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape fits: the same number of axes, and the size of each fixed dimension."""
        return len(shape) == len(self.shape) and all(
            isinstance(size, str) or size == actual for size, actual in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class Source:
    """An ONNX file as :func:`core.onnx_model.inspect.inspect` found it."""

    path: Path
    inputs: tuple[TensorInfo, ...]
    """Inputs to feed; initializers, which exporters below IR version 4 list as inputs too, are left out."""

    outputs: tuple[TensorInfo, ...]
    opset: int
    operators: Mapping[str, int]
    """Operator -> number of nodes, subgraphs included; those of other domains as ``domain::name``."""

    size_bytes: int
    """Of the file together with its external data."""

    parameters: int
    """Number of weight elements."""

    half_parameters: int
    """How many of them are float16 or bfloat16."""

    weight_dtypes: frozenset[str]
    """Element types of the weights, by their numpy names."""

    metadata: Mapping[str, str]
    """The file's ``metadata_props``, in which exporters leave class names and settings."""

    modified_ns: int
    """When the file was last changed, in nanoseconds since 1970."""

    dequantize: bool = False
    """Whether its 8-bit steps are turned back into 32 bit before anything is made, as the person asked."""

    @property
    def is_current(self) -> bool:
        """Whether the file has not changed since it was inspected."""
        try:
            return self.path.stat().st_mtime_ns == self.modified_ns
        except OSError:
            return False

    def without(self, names: Collection[str]) -> Source:
        """The same model with fewer inputs to feed: those of these names are the same for every sample."""
        return replace(self, inputs=tuple(tensor for tensor in self.inputs if tensor.name not in names))

    @property
    def is_quantized(self) -> bool:
        """Whether it already is quantised to 8 bit."""
        return bool(quantized_operators(self.operators))

    @property
    def is_fp16(self) -> bool:
        """Whether most of its weights are 16-bit floats already; not all, as the scales of Resize are always 32 bit."""
        return self.half_parameters > self.parameters / 2

    @property
    def bytes_per_weight(self) -> int:
        """Size of most of its weights in the file."""
        return 1 if self.is_quantized else 2 if self.is_fp16 else 4

    @property
    def foreign_operators(self) -> tuple[str, ...]:
        """Operators of other domains than ONNX's own."""
        return tuple(sorted(name for name in self.operators if "::" in name))

    @property
    def layout(self) -> Layout | None:
        """Channel order of the image input; None if the model takes no image."""
        return _image_layout(self.inputs[0]) if len(self.inputs) == 1 else None

    @property
    def takes_image(self) -> bool:
        """Whether it has one input, and that can be an image."""
        return self.layout is not None

    @property
    def takes_integer_image(self) -> bool:
        """Whether its image is of whole numbers, so that it scales the pictures itself."""
        return self.takes_image and self.inputs[0].dtype in INTEGER_MEAN

    def check_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Check that pictures prepared like this reach the input without being clipped or rounded.

        Raises:
            OptionError: they do not.
        """
        if self.takes_image:
            preprocessing.check_dtype(self.inputs[0].dtype)

    @property
    def image_size(self) -> tuple[Dimension, Dimension]:
        """Height and width of the image input, as the file states them."""
        shape = self.inputs[0].shape
        return (shape[1], shape[2]) if self.layout == "nhwc" else (shape[2], shape[3])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names from the metadata; empty where the exporter left none."""
        return _class_names(self.metadata)

    @property
    def training_size(self) -> tuple[int, int] | None:
        """Height and width from the metadata of ultralytics (``imgsz``); None where there are none."""
        import ast

        try:
            sides = ast.literal_eval(self.metadata.get("imgsz", "")[:_MOST_SIDES_CHARACTERS])
        except _NO_LITERAL:
            return None
        sides = [sides] * 2 if isinstance(sides, int) else sides
        if isinstance(sides, (list, tuple)) and len(sides) == 2 and all(isinstance(side, int) for side in sides):
            return (sides[0], sides[1]) if min(sides) > 0 else None
        return None

    @property
    def own_preprocessing(self) -> Preprocessing | None:
        """The preprocessing that EdgePress's own exporter wrote into the metadata."""
        text = self.metadata.get("edgepress.preprocessing")
        if text is None:
            return None
        try:
            stored = from_data(Preprocessing, json.loads(text))
        except (OptionError, ValueError, RecursionError):
            return None  # damaged metadata: the preprocessing is inferred instead
        return stored if self._takes_size(stored.size) else None

    def _takes_size(self, size: tuple[int, int]) -> bool:
        """Whether a size that the file states fits its input, and is one that is meant for pictures."""
        fits = not self.takes_image or all(
            isinstance(side, str) or side == stated for side, stated in zip(self.image_size, size, strict=True)
        )
        return fits and size[0] * size[1] <= _MOST_STORED_PIXELS


def quantized_operators(operators: Collection[str]) -> tuple[str, ...]:
    """Those of some operators that compute in 8 bit, or turn numbers into it or back."""
    names = {operator: operator.rpartition("::")[2] for operator in operators}
    return tuple(
        sorted(one for one, name in names.items() if name in _QUANTIZED_OPERATORS or name.startswith("QLinear"))
    )


def shape_text(shape: tuple[Dimension, ...]) -> str:
    """A shape for a message, such as ``1x3x224x224``; ``()`` for a scalar."""
    return "x".join(map(str, shape)) or "()"


def _image_layout(tensor: TensorInfo) -> Layout | None:
    """The channel axis has the size 1 or 3 and is the second or the last; where both fit, it is the second (NCHW)."""
    if len(tensor.shape) != 4 or tensor.dtype not in _IMAGE_DTYPES:
        return None
    if tensor.shape[1] in (1, 3):
        return "nchw"
    if tensor.shape[3] in (1, 3):
        return "nhwc"
    return "nchw" if isinstance(tensor.shape[1], str) else None


def _class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    if "edgepress.classes" in metadata:
        return _names_from_json(metadata["edgepress.classes"])
    if "names" in metadata:  # ultralytics writes a Python dict: {0: 'person', 1: 'bicycle'}
        return _names_from_json(metadata["names"])
    return ()


def _names_from_json(text: str) -> tuple[str, ...]:
    import ast

    if len(text) > _MOST_NAMES_CHARACTERS:
        return ()
    try:
        names = ast.literal_eval(text) if not text.lstrip().startswith("[") else json.loads(text)
    except _NO_LITERAL:
        return ()
    if isinstance(names, dict):
        if not all(isinstance(key, int) for key in names):
            return ()
        names = [names[key] for key in sorted(names)]
    if not isinstance(names, list) or len(names) > _MOST_NAMES:
        return ()
    return tuple(visible(str(name)[:_MOST_NAME_CHARACTERS]) for name in names)
