"""The ``.bin`` file: weights in the order of the layers, with no names and no header.

There are two kinds of arrays (ncnn, ``src/modelbin.cpp``): *raw* ones are plain float32; *tagged* ones start with
32 bits for the element type. Which arrays a layer has, and of how many elements, follows from its parameters in the
``.param`` file (``load_model`` of each layer type).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.param import Layer, Param, damaged

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
class Slot:
    """An array that a layer expects."""

    role: str
    """``weight``, ``bias``, ``weight_scale`` ..."""

    count: int
    """Number of elements."""

    tagged: bool


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


def slots(layer: Layer) -> tuple[Slot, ...]:
    """The arrays of a layer.

    Raises:
        ConversionError: its type is unknown.
    """
    rule = _RULES.get(layer.type)
    if rule is not None:
        return tuple(rule(layer))
    if layer.type in _WITHOUT_WEIGHTS:
        return ()
    raise ConversionError(
        say('The ncnn layer "{type}" is not known.', type=layer.type),
        next_step=say("Use one of the ONNX targets for this model."),
        detail=layer.text,
    )


def _tagged(role: str, count: int) -> Slot:
    return Slot(role, count, tagged=True)


def _raw(role: str, count: int) -> Slot:
    return Slot(role, count, tagged=False)


def _convolution(layer: Layer) -> Iterator[Slot]:
    if layer.integer(19):
        return  # dynamic weight: an input blob
    yield _tagged("weight", layer.integer(6))
    if layer.integer(5):
        yield _raw("bias", layer.integer(0))
    mode = layer.integer(8)
    if mode:
        per_group = layer.type.startswith("ConvolutionDepthWise")
        one_scale = per_group and mode % 100 == 2
        yield _raw("weight_scale", 1 if one_scale else layer.integer(7) if per_group else layer.integer(0))
        yield _raw("input_scale", 1)
        if mode > 100:
            yield _raw("output_scale", 1)


def _deconvolution(layer: Layer) -> Iterator[Slot]:
    if layer.integer(28):
        return
    yield _tagged("weight", layer.integer(6))
    if layer.integer(5):
        yield _raw("bias", layer.integer(0))


def _deformable(layer: Layer) -> Iterator[Slot]:
    yield _tagged("weight", layer.integer(6))
    if layer.integer(5):
        yield _raw("bias", layer.integer(0))


def _inner_product(layer: Layer) -> Iterator[Slot]:
    yield _tagged("weight", layer.integer(2))
    if layer.integer(1):
        yield _raw("bias", layer.integer(0))
    if layer.integer(8):
        yield _raw("weight_scale", layer.integer(0))
        yield _raw("input_scale", 1)


def _embed(layer: Layer) -> Iterator[Slot]:
    yield _tagged("weight", layer.integer(3))
    if layer.integer(2):
        yield _raw("bias", layer.integer(0))
    if layer.integer(18):
        yield _raw("weight_scale", 1)


def _gemm(layer: Layer) -> Iterator[Slot]:
    m, n, k = layer.integer(7), layer.integer(8), layer.integer(9)
    if layer.integer(4):
        yield _tagged("a", m * k)
    if layer.integer(5):
        yield _tagged("b", n * k)
    broadcast = layer.integer(10)
    if layer.integer(6) and broadcast != -1:
        yield _tagged("c", {0: 1, 1: m, 2: m, 3: m * n, 4: n}.get(broadcast, 0))
    if layer.integer(18):
        if layer.integer(4):
            yield _raw("a_scale", m)
        if layer.integer(5):
            yield _raw("b_scale", 1)


def _attention(layer: Layer) -> Iterator[Slot]:
    embed, weight = layer.integer(0), layer.integer(2)
    key = layer.integer(3, embed) or embed
    value = layer.integer(4, embed) or embed
    query = weight // embed if embed else 0
    for role, inner in (("q", query), ("k", key), ("v", value)):
        yield _tagged(f"{role}_weight", embed * inner)
        yield _raw(f"{role}_bias", embed)
    yield _tagged("out_weight", query * embed)
    yield _raw("out_bias", query)
    if layer.integer(18):
        for role in "qkv":
            yield _raw(f"{role}_scale", embed)
        yield _raw("out_scale", 1)


def _recurrent(gates: int, bias_rows: int) -> Callable[[Layer], Iterator[Slot]]:
    def rule(layer: Layer) -> Iterator[Slot]:
        outputs, size = layer.integer(0), layer.integer(1)
        directions = 2 if layer.integer(2) == 2 else 1
        hidden = layer.integer(3, outputs) or outputs
        yield _tagged("input_weight", size)
        yield _tagged("bias", directions * hidden * bias_rows)
        yield _tagged("hidden_weight", directions * hidden * gates * outputs)
        if hidden != outputs:
            yield _tagged("projection", directions * hidden * outputs)
        if layer.integer(8):
            yield _raw("input_scale", directions * hidden * gates)
            yield _raw("hidden_scale", directions * hidden * gates)

    return rule


def _batch_norm(layer: Layer) -> Iterator[Slot]:
    for role in ("slope", "mean", "variance", "bias"):
        yield _raw(role, layer.integer(0))


def _scale(layer: Layer) -> Iterator[Slot]:
    if layer.integer(0) == -233:
        return  # the scale is a second input blob
    yield _raw("scale", layer.integer(0))
    if layer.integer(1):
        yield _raw("bias", layer.integer(0))


def _affine(size_key: int, flag_key: int, *, bias: bool = True) -> Callable[[Layer], Iterator[Slot]]:
    def rule(layer: Layer) -> Iterator[Slot]:
        if layer.integer(flag_key, 1):
            yield _raw("gamma", layer.integer(size_key))
            if bias:
                yield _raw("beta", layer.integer(size_key))

    return rule


def _memory_data(layer: Layer) -> Iterator[Slot]:
    count = 1
    for key in (0, 1, 11, 2):
        count *= layer.integer(key) or 1
    yield Slot("data", count, tagged=layer.integer(21, 1) == 0)


def _one_raw(role: str, key: int) -> Callable[[Layer], Iterator[Slot]]:
    def rule(layer: Layer) -> Iterator[Slot]:
        if layer.integer(key):
            yield _raw(role, layer.integer(key))

    return rule


def _normalize(layer: Layer) -> Iterator[Slot]:
    yield _raw("scale", layer.integer(3))


def _quantize(layer: Layer) -> Iterator[Slot]:
    yield _raw("scale", layer.integer(0, 1))


def _dequantize(layer: Layer) -> Iterator[Slot]:
    yield _raw("scale", layer.integer(0, 1))
    if layer.integer(1):
        yield _raw("bias", layer.integer(1))


def _requantize(layer: Layer) -> Iterator[Slot]:
    yield _raw("scale_in", layer.integer(0, 1))
    yield _raw("scale_out", layer.integer(1, 1))
    if layer.integer(2):
        yield _raw("bias", layer.integer(2))


_RULES: Mapping[str, Callable[[Layer], Iterator[Slot]]] = {
    **dict.fromkeys(
        (
            "Convolution",
            "ConvolutionDepthWise",
            "Convolution1D",
            "ConvolutionDepthWise1D",
            "Convolution3D",
            "ConvolutionDepthWise3D",
        ),
        _convolution,
    ),
    **dict.fromkeys(
        (
            "Deconvolution",
            "DeconvolutionDepthWise",
            "Deconvolution1D",
            "DeconvolutionDepthWise1D",
            "Deconvolution3D",
            "DeconvolutionDepthWise3D",
        ),
        _deconvolution,
    ),
    "DeformableConv2D": _deformable,
    "InnerProduct": _inner_product,
    "Embed": _embed,
    "Gemm": _gemm,
    "MultiHeadAttention": _attention,
    "LSTM": _recurrent(gates=4, bias_rows=4),
    "GRU": _recurrent(gates=3, bias_rows=4),
    "RNN": _recurrent(gates=1, bias_rows=1),
    "BatchNorm": _batch_norm,
    "Scale": _scale,
    "LayerNorm": _affine(0, 2),
    "GroupNorm": _affine(1, 3),
    "InstanceNorm": _affine(0, 2),
    "RMSNorm": _affine(0, 2, bias=False),
    "PReLU": _one_raw("slope", 0),
    "Bias": _one_raw("bias", 0),
    "MemoryData": _memory_data,
    "Padding": _one_raw("value", 6),
    "Normalize": _normalize,
    "Quantize": _quantize,
    "Dequantize": _dequantize,
    "Requantize": _requantize,
}

# fmt: off
_WITHOUT_WEIGHTS = frozenset({
    "AbsVal", "ArgMax", "BinaryOp", "BNLL", "CELU", "Cast", "Clip", "Concat", "CopyTo", "Crop", "CumulativeSum",
    "DeepCopy", "DetectionOutput", "Diag", "Dropout", "Einsum", "ELU", "Eltwise", "Erf", "Exp", "ExpandDims",
    "Flatten", "Flip", "Fold", "GELU", "GLU", "GridSample", "HardSigmoid", "HardSwish", "Input", "Interp",
    "InverseSpectrogram", "LRN", "Log", "MVN", "MatMul", "Mish", "Noop", "PSROIPooling", "Packing", "Permute",
    "PixelShuffle", "Pooling", "Pooling1D", "Pooling3D", "Power", "PriorBox", "Proposal", "ROIAlign", "ROIPooling",
    "ReLU", "Reduction", "Reorg", "Reshape", "RotaryEmbed", "SDPA", "SELU", "SPP", "Shrink", "ShuffleChannel",
    "Sigmoid", "Slice", "Softmax", "Softplus", "Spectrogram", "Split", "Squeeze", "StatisticsPooling", "Swish",
    "TanH", "Threshold", "Tile", "UnaryOp", "Unfold", "YoloDetectionOutput", "Yolov3DetectionOutput",
})
# fmt: on
