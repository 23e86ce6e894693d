"""What ncnn's C++ program ``ncnn2int8`` writes, in numpy: byte for byte, errors included.

For those who must hand in what the official tools would give, and for comparing with them. Only the ``.param`` is
better here: the official writer drops parameters, so the original text is edited.
Rules: ncnn a4d2ea1, ``tools/quantize/ncnn2int8.cpp`` and ``tools/modelwriter.h``, on x86.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.table import Table
from core.ncnn.weights import TAG_FLOAT32, Array, raw, stored
from core.quantization.ncnn.int8 import QUANTIZABLE, round_half_away
from core.quantization.ncnn.official_ncnn2table import ROLES_IN_TABLE, weight_rows

_ZERO_BELOW = 1e-30  # ModelWriter writes smaller raw values as 0
_LANES = 4  # values that x86 computes at once; those left over at the end are computed in another way
_INT8_SCALE_TERM_IDS = {"Embed": 18, "MultiHeadAttention": 18, "SDPA": 18, "Gemm": 18}


def to_int8_official(model: NcnnModel, table: Table) -> NcnnModel:
    """Quantise with the scales of a table, as ``ncnn2int8`` does.

    Args:
        model: in 32 bit.
        table: a Convolution, ConvolutionDepthWise or InnerProduct without a row for its weights or for its input
            stays in float; Embed, MultiHeadAttention, RNN, LSTM and GRU need theirs; Gemm and SDPA need none.

    Raises:
        ConversionError: the table does not belong to the model.
    """
    top_scales = _top_scales(model, table)

    def edit(index: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        if _has_scales(table, layer) and arrays:
            return _quantize_kernel(layer, arrays, table=table, top_scale=top_scales.get(index))
        if layer.type in ROLES_IN_TABLE:
            return _quantize_by_rows(layer, arrays, table)
        if layer.type == "Gemm" and any(array.slot.role in "ab" for array in arrays):
            return _quantize_gemm(layer, arrays)
        if layer.type == "SDPA":
            return layer.with_param(18, "2"), ()
        return layer, tuple(map(_in_fp16, arrays))

    return model.edited(edit)


def _has_scales(table: Table, layer: Layer) -> bool:
    both = table.weights(layer.name) is not None and table.input(layer.name) is not None
    return layer.type in QUANTIZABLE and both


def _top_scales(model: NcnnModel, table: Table) -> dict[int, float]:
    """Index of a layer -> the scale of its output, where only 8-bit convolutions read that.

    Such a layer outputs integers (requantization). Rule: ``NetQuantize::fuse_requantize``.
    """
    layers = model.param.layers
    readers: defaultdict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        for bottom in layer.bottoms:
            readers[bottom].append(layer)
    found = {}
    for index, layer in enumerate(layers):
        if not _is_requantizable(layer, table):
            continue
        following = readers[layer.tops[0]]
        if len(following) == 1 and following[0].type == "Split":
            following = [reader for top in following[0].tops for reader in readers[top]]
        if following and all(_is_requantizable(reader, table) for reader in following):
            found[index] = table.input(following[0].name) or 0.0
    return found


def _is_requantizable(layer: Layer, table: Table) -> bool:
    return layer.type != "InnerProduct" and _has_scales(table, layer) and len(layer.bottoms) == 1


def _quantize_kernel(
    layer: Layer, arrays: tuple[Array, ...], *, table: Table, top_scale: float | None
) -> tuple[Layer, tuple[Array, ...]]:
    weight, *others = arrays
    scales = _checked_scales(layer, table.weights(layer.name), weight_rows(layer, weight).shape[0])
    mode = (1 if layer.type == "ConvolutionDepthWise" else 2) + (0 if top_scale is None else 100)
    quantized = [_quantized(layer, weight, scales), *map(_in_fp16, others)]
    quantized.append(raw("weight_scale", _without_tiny(scales)))
    quantized.append(raw("input_scale", np.array([table.input(layer.name)], np.float32)))
    if top_scale is not None:
        quantized.append(raw("output_scale", np.array([top_scale], np.float32)))
    return layer.with_param(8, str(mode)), tuple(quantized)


def _quantize_by_rows(layer: Layer, arrays: tuple[Array, ...], table: Table) -> tuple[Layer, tuple[Array, ...]]:
    quantized, scales = [], []
    for array in arrays:
        roles = ROLES_IN_TABLE[layer.type]
        if array.slot.role in roles:
            count = weight_rows(layer, array).shape[0]
            own = _checked_scales(layer, table.weights(layer.name, roles.index(array.slot.role)), count)
            scales.append(raw(f"{array.slot.role.removesuffix('_weight')}_scale", _without_tiny(own)))
            quantized.append(_quantized(layer, array, own))
        else:
            quantized.append(_in_fp16(array))
    return layer.with_param(_INT8_SCALE_TERM_IDS.get(layer.type, 8), "2"), (*quantized, *scales)


def _quantize_gemm(layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
    """A gets a scale for each row; B a single one, which the official tool takes from B's first row alone."""
    quantized, scales = [], []
    for array in arrays:
        role, values = array.slot.role, array.values.astype(np.float32)
        if role not in ("a", "b") or not values.size:
            quantized.append(_in_fp16(array))
            continue
        is_transposed = layer.integer(2) == 1 if role == "a" else layer.integer(3) == 0
        count = layer.integer(7) if role == "a" else layer.integer(8)
        matrix = values.reshape(-1, count).T if is_transposed else values.reshape(count, -1)
        abs_max = np.abs(matrix if role == "a" else matrix[:1]).max(axis=1)
        divisor = np.where(abs_max == 0, np.float32(127), abs_max)
        own = (np.float32(127) / divisor).astype(np.float32)
        rows = matrix if role == "a" else np.ascontiguousarray(matrix).reshape(1, -1)
        flat = _quantized_rows(rows, own)
        quantized.append(stored(array.slot, flat))
        scales.append(raw(f"{role}_scale", own))
    for role, key, value in (("a", 2, "0"), ("b", 3, "1")):
        if any(array.slot.role == role for array in arrays):
            layer = layer.with_param(key, value)
    return layer.with_param(18, "2"), (*quantized, *scales)


def _quantized(layer: Layer, array: Array, scales: NDArray[np.float32]) -> Array:
    return stored(array.slot, _quantized_rows(weight_rows(layer, array), scales))


def _quantized_rows(rows: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.concatenate([round_as_x86(row, float(scale)) for row, scale in zip(rows, scales, strict=True)])


def round_as_x86(row: NDArray[np.float32], scale: float) -> NDArray[np.int8]:
    """Integers of one row, as ncnn's ``quantize_to_int8`` computes them on x86.

    Groups of four are rounded by adding 0.5 in 32 bit, which now and then carries over; the rest is rounded
    exactly. NaN and what is too large for 32 bit become -127, because of the processor's conversion.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = row * np.float32(scale)
        in_groups = round_half_away(scaled)
        exact = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
    grouped = row.size // _LANES * _LANES
    integers = np.where(np.arange(row.size) < grouped, in_groups, exact)
    out_of_range = np.isnan(integers) | (np.abs(integers) >= 2.0**31)
    return np.clip(np.where(out_of_range, -127, integers), -127, 127).astype(np.int8)


def _in_fp16(array: Array) -> Array:
    """An array that stays in float: fp16 where it has a tag, else 32 bit without the tiniest values."""
    if array.tag is None:
        return raw(array.slot.role, _without_tiny(array.values))
    return stored(array.slot, fp16_as_x86(array.values)) if array.tag == TAG_FLOAT32 else array


def _without_tiny(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.abs(values) < _ZERO_BELOW, np.float32(0), values).astype(np.float32)


def fp16_as_x86(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """fp16 as ncnn's ``cast_float32_to_float16`` computes it on x86.

    Groups of four are rounded to nearest even; the rest is truncated, and what would be subnormal becomes 0.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16)
    left_over = values.size % _LANES
    if left_over:
        rounded[-left_over:] = _truncate_to_fp16(values[-left_over:])
    return rounded


def _truncate_to_fp16(values: NDArray[np.float32]) -> NDArray[np.float16]:
    bits = values.astype(np.float32).view(np.uint32)
    sign, exponent, fraction = bits >> 31 << 15, (bits >> 23 & 0xFF).astype(np.int32) - 112, bits >> 13 & 0x3FF
    finite = np.where(exponent <= 0, 0, np.where(exponent >= 31, 31 << 10, (exponent << 10) | fraction))
    nan = np.isnan(values)
    return (sign | np.where(nan, 0x7E00, finite)).astype(np.uint16).view(np.float16)


def _checked_scales(layer: Layer, scales: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    if scales is None or scales.size != count:
        found = "none" if scales is None else scales.size
        raise ConversionError(
            say('The table of scales does not fit the layer "{layer}" of this model.', layer=layer.name),
            next_step=say("Make the table from the .param and .bin of this very model."),
            detail=f"{count} scales needed, {found} found",
        )
    return scales
