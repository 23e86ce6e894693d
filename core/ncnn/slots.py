"""The weight arrays of each ncnn layer type, by its parameters in the ``.param`` file.

The rules follow ``load_model`` of each layer (ncnn, ``src/layer/*.cpp``); the ``.bin`` file itself does not say which
arrays it holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.param import Layer


@dataclass(frozen=True)
class Slot:
    """An array that a layer expects."""

    role: str
    """``weight``, ``bias``, ``weight_scale`` ..."""

    count: int
    """Number of elements."""

    tagged: bool
    """Whether its element type is stored with it; raw arrays are float32."""


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
    """Ids: 0 num_output, 5 bias_term, 6 weight_data_size, 7 group, 8 int8_scale_term, 19 dynamic_weight."""
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
    """Ids: 0 num_output, 5 bias_term, 6 weight_data_size, 28 dynamic_weight."""
    if layer.integer(28):
        return
    yield _tagged("weight", layer.integer(6))
    if layer.integer(5):
        yield _raw("bias", layer.integer(0))


def _deformable(layer: Layer) -> Iterator[Slot]:
    """Ids as for Convolution."""
    yield _tagged("weight", layer.integer(6))
    if layer.integer(5):
        yield _raw("bias", layer.integer(0))


def _inner_product(layer: Layer) -> Iterator[Slot]:
    """Ids: 0 num_output, 1 bias_term, 2 weight_data_size, 8 int8_scale_term."""
    yield _tagged("weight", layer.integer(2))
    if layer.integer(1):
        yield _raw("bias", layer.integer(0))
    if layer.integer(8):
        yield _raw("weight_scale", layer.integer(0))
        yield _raw("input_scale", 1)


def _embed(layer: Layer) -> Iterator[Slot]:
    """Ids: 0 num_output, 2 bias_term, 3 weight_data_size, 18 int8_scale_term."""
    yield _tagged("weight", layer.integer(3))
    if layer.integer(2):
        yield _raw("bias", layer.integer(0))
    if layer.integer(18):
        yield _raw("weight_scale", 1)


def _gemm(layer: Layer) -> Iterator[Slot]:
    """Ids: 4-6 whether A, B, C are constant, 7-9 M, N, K, 10 how C is broadcast, 18 int8_scale_term."""
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
    """Ids: 0 embed_dim, 2 weight_data_size, 3 kdim, 4 vdim, 18 int8_scale_term."""
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
    """Ids: 0 num_output, 1 weight_data_size, 2 direction (2: bidirectional), 3 hidden_size, 8 int8_scale_term."""

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
    """Ids: 0 w, 1 h, 11 d, 2 c, 21 load_type (0: tagged)."""
    count = math.prod(layer.integer(key) or 1 for key in (0, 1, 11, 2))
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
