"""8-bit models exactly as ncnn's C++ tools write them, byte for byte and fault for fault.

For those who must hand in what the official tools would give, and for comparing with them. What is wrong there
is right here only in the ``.param``: the official writer drops parameters, so the original text is edited.
Rules: ncnn a4d2ea1, ``tools/quantize/ncnn2table.cpp``, ``ncnn2int8.cpp`` and ``tools/modelwriter.h``, on x86.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer, damaged
from core.ncnn.table import Table
from core.ncnn.weights import TAG_FLOAT32, Array, raw, stored
from core.quantization.ncnn.int8 import QUANTIZABLE, scale_rows, weight_levels
from core.quantization.observers.aciq import aciq_threshold

ClippingMethod = Literal["kl", "aciq"]

_SMALLEST = 1e-30  # ModelWriter writes smaller raw numbers as 0
_LANES = 4  # numbers that x86 works on at once; those left over at the end go another way
_ROWS_IN_TABLE: Mapping[str, tuple[str, ...]] = {
    "Embed": ("weight",),
    "MultiHeadAttention": ("q_weight", "k_weight", "v_weight", "out_weight"),
    "RNN": ("input_weight", "hidden_weight"),
    "LSTM": ("input_weight", "hidden_weight"),
    "GRU": ("input_weight", "hidden_weight"),
}
"""Arrays with scales in the table, in the order in which the kinds of layers stand there."""

_ONE_SCALE = frozenset({"Embed", "MultiHeadAttention.out_weight"})
_MODE_IDS = {"Embed": 18, "MultiHeadAttention": 18, "SDPA": 18, "Gemm": 18}


def weight_table(model: NcnnModel, inputs: Mapping[int, float], method: ClippingMethod) -> Table:
    """The table that ``ncnn2table`` writes, once the input scales are measured.

    Args:
        model: in 32 bit.
        inputs: index of a Convolution, ConvolutionDepthWise or InnerProduct -> scale of its input.
        method: how the weights of these three are clipped.
    """
    layers = list(zip(model.param.layers, model.weights, strict=True))
    rows: dict[str, NDArray[np.float32]] = {}
    for layer, arrays in layers:
        if layer.type in QUANTIZABLE and arrays:
            rows[f"{layer.name}_param_0"] = _kernel_scales(layer, arrays[0], method)
    rows.update({layers[index][0].name: np.array([scale], np.float32) for index, scale in inputs.items()})
    for kind, roles in _ROWS_IN_TABLE.items():
        for layer, arrays in layers:
            if layer.type == kind:
                places = (array for array in arrays if array.slot.role in roles)
                rows.update({f"{layer.name}_param_{place}": _scales(layer, a) for place, a in enumerate(places)})
    return Table(rows)


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
        if _is_in(table, layer) and arrays:
            return _quantize_kernel(layer, arrays, table=table, top_scale=top_scales.get(index))
        if layer.type in _ROWS_IN_TABLE:
            return _quantize_by_rows(layer, arrays, table)
        if layer.type == "Gemm" and any(array.slot.role in "ab" for array in arrays):
            return _quantize_gemm(layer, arrays)
        if layer.type == "SDPA":
            return layer.with_param(18, "2"), ()
        return layer, tuple(map(_rewritten, arrays))

    return model.edited(edit)


def _is_in(table: Table, layer: Layer) -> bool:
    both = table.weights(layer.name) is not None and table.input(layer.name) is not None
    return layer.type in QUANTIZABLE and both


def _rows(layer: Layer, array: Array) -> NDArray[np.float32]:
    """Weights as rows that have one scale each."""
    count = _row_count(layer, array)
    if count < 1 or array.values.size % count:
        raise damaged(f"layer {layer.name}: {array.values.size} weights do not make {count} rows")
    return array.values.astype(np.float32).reshape(count, -1)


def _row_count(layer: Layer, array: Array) -> int:
    if layer.type in QUANTIZABLE:
        return scale_rows(layer)
    if layer.type in _ONE_SCALE or f"{layer.type}.{array.slot.role}" in _ONE_SCALE:
        return 1
    if layer.type == "MultiHeadAttention":
        return layer.integer(0)
    directions = 2 if layer.integer(2) == 2 else 1
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[layer.type]
    return directions * gates * (layer.integer(3) or layer.integer(0))


def _kernel_scales(layer: Layer, weight: Array, method: ClippingMethod) -> NDArray[np.float32]:
    rows, levels = _rows(layer, weight), weight_levels(layer)
    largest = np.abs(rows).max(axis=1)
    if method == "aciq":
        count = rows.shape[1]
        limits = [aciq_threshold(float(one), count=count, levels=levels) for one in largest]
        largest = np.array(limits, np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.float32(levels) / largest, np.float32)


def _scales(layer: Layer, array: Array) -> NDArray[np.float32]:
    largest = np.abs(_rows(layer, array)).max(axis=1)
    return np.where(largest == 0, np.float32(1), np.float32(127) / np.where(largest == 0, np.float32(1), largest))


def _top_scales(model: NcnnModel, table: Table) -> dict[int, float]:
    """Index of a layer -> the scale of what it gives out, where only 8-bit convolutions read that.

    Such a layer hands whole numbers on. Rule: ``NetQuantize::fuse_requantize``.
    """
    layers = model.param.layers
    readers: defaultdict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        for bottom in layer.bottoms:
            readers[bottom].append(layer)
    found = {}
    for index, layer in enumerate(layers):
        if not _takes_part(layer, table):
            continue
        following = readers[layer.tops[0]]
        if len(following) == 1 and following[0].type == "Split":
            following = [reader for top in following[0].tops for reader in readers[top]]
        if following and all(_takes_part(reader, table) for reader in following):
            found[index] = table.input(following[0].name) or 0.0
    return found


def _takes_part(layer: Layer, table: Table) -> bool:
    return layer.type != "InnerProduct" and _is_in(table, layer) and len(layer.bottoms) == 1


def _quantize_kernel(
    layer: Layer, arrays: tuple[Array, ...], *, table: Table, top_scale: float | None
) -> tuple[Layer, tuple[Array, ...]]:
    weight, *others = arrays
    scales = _checked(layer, table.weights(layer.name), _rows(layer, weight).shape[0])
    mode = (1 if layer.type == "ConvolutionDepthWise" else 2) + (0 if top_scale is None else 100)
    quantized = [_rounded(layer, weight, scales), *map(_rewritten, others)]
    quantized.append(raw("weight_scale", _written(scales)))
    quantized.append(raw("input_scale", np.array([table.input(layer.name)], np.float32)))
    if top_scale is not None:
        quantized.append(raw("output_scale", np.array([top_scale], np.float32)))
    return layer.with_param(8, str(mode)), tuple(quantized)


def _quantize_by_rows(layer: Layer, arrays: tuple[Array, ...], table: Table) -> tuple[Layer, tuple[Array, ...]]:
    quantized, scales = [], []
    for array in arrays:
        roles = _ROWS_IN_TABLE[layer.type]
        if array.slot.role in roles:
            count = _rows(layer, array).shape[0]
            own = _checked(layer, table.weights(layer.name, roles.index(array.slot.role)), count)
            scales.append(raw(f"{array.slot.role.removesuffix('_weight')}_scale", _written(own)))
            quantized.append(_rounded(layer, array, own))
        else:
            quantized.append(_rewritten(array))
    return layer.with_param(_MODE_IDS.get(layer.type, 8), "2"), (*quantized, *scales)


def _quantize_gemm(layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
    """A gets a scale for each row; B one in all, which the official tool takes from B's first row alone."""
    quantized, scales = [], []
    for array in arrays:
        role, values = array.slot.role, array.values.astype(np.float32)
        if role not in ("a", "b") or not values.size:
            quantized.append(_rewritten(array))
            continue
        flipped = layer.integer(2) == 1 if role == "a" else layer.integer(3) == 0
        rows = layer.integer(7) if role == "a" else layer.integer(8)
        matrix = values.reshape(-1, rows).T if flipped else values.reshape(rows, -1)
        largest = np.abs(matrix if role == "a" else matrix[:1]).max(axis=1)
        alive = np.where(largest == 0, np.float32(127), largest)
        own = (np.float32(127) / alive).astype(np.float32)
        numbers = [round_as_x86(row, float(one)) for row, one in zip(matrix, own, strict=True)] if role == "a" else None
        flat = np.concatenate(numbers) if numbers else round_as_x86(np.ascontiguousarray(matrix).ravel(), float(own[0]))
        quantized.append(stored(array.slot, flat))
        scales.append(raw(f"{role}_scale", own))
    for role, key, value in (("a", 2, "0"), ("b", 3, "1")):
        if any(array.slot.role == role for array in arrays):
            layer = layer.with_param(key, value)
    return layer.with_param(18, "2"), (*quantized, *scales)


def _rounded(layer: Layer, array: Array, scales: NDArray[np.float32]) -> Array:
    rows = _rows(layer, array)
    numbers = [round_as_x86(row, float(scale)) for row, scale in zip(rows, scales, strict=True)]
    return stored(array.slot, np.concatenate(numbers))


def round_as_x86(row: NDArray[np.float32], scale: float) -> NDArray[np.int8]:
    """Whole numbers of one row, as ncnn's ``quantize_to_int8`` gives them on x86.

    Groups of four are rounded by adding a half in 32 bit, which now and then carries over; the rest is rounded
    exactly. What is not a number or too large for 32 bit becomes -127, on account of the processor's conversion.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = row * np.float32(scale)
        in_groups = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
        exact = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
    grouped = row.size // _LANES * _LANES
    numbers = np.where(np.arange(row.size) < grouped, in_groups, exact)
    out_of_range = np.isnan(numbers) | (np.abs(numbers) >= 2.0**31)
    return np.clip(np.where(out_of_range, -127, numbers), -127, 127).astype(np.int8)


def _rewritten(array: Array) -> Array:
    """An array that stays in float: 16 bit where it has a tag, else without the smallest numbers."""
    if array.tag is None:
        return raw(array.slot.role, _written(array.values))
    return stored(array.slot, half_as_x86(array.values)) if array.tag == TAG_FLOAT32 else array


def _written(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.abs(values) < _SMALLEST, np.float32(0), values).astype(np.float32)


def half_as_x86(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """16 bit as ncnn's ``cast_float32_to_float16`` gives it on x86.

    Groups of four are rounded to nearest even; the rest is cut off, and what would be subnormal becomes 0.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16)
    left_over = values.size % _LANES
    if left_over:
        rounded[-left_over:] = _cut(values[-left_over:])
    return rounded


def _cut(values: NDArray[np.float32]) -> NDArray[np.float16]:
    bits = values.astype(np.float32).view(np.uint32)
    sign, exponent, fraction = bits >> 31 << 15, (bits >> 23 & 0xFF).astype(np.int32) - 112, bits >> 13 & 0x3FF
    finite = np.where(exponent <= 0, 0, np.where(exponent >= 31, 31 << 10, (exponent << 10) | fraction))
    nan = np.isnan(values)
    return (sign | np.where(nan, 0x7E00, finite)).astype(np.uint16).view(np.float16)


def _checked(layer: Layer, scales: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    if scales is None or scales.size != count:
        found = "none" if scales is None else scales.size
        raise ConversionError(
            say('The table of scales does not fit the layer "{layer}" of this model.', layer=layer.name),
            next_step=say("Make the table from the .param and .bin of this very model."),
            detail=f"{count} scales needed, {found} found",
        )
    return scales
