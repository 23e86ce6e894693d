"""What ncnn's C++ program ``ncnn2table`` does, in numpy: scales of weights and, by KL or ACIQ, of inputs.

Rules: ncnn a4d2ea1, ``tools/quantize/ncnn2table.cpp``. Inputs are measured in constant memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer, damaged
from core.ncnn.table import Table
from core.ncnn.weights import Array
from core.quantization.ncnn.int8 import QUANTIZABLE, scale_rows, weight_levels
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.kl_divergence import BINS, abs_histogram, kl_thresholds
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

ClippingMethod = Literal["kl", "aciq"]

ROLES_IN_TABLE: Mapping[str, tuple[str, ...]] = {
    "Embed": ("weight",),
    "MultiHeadAttention": ("q_weight", "k_weight", "v_weight", "out_weight"),
    "RNN": ("input_weight", "hidden_weight"),
    "LSTM": ("input_weight", "hidden_weight"),
    "GRU": ("input_weight", "hidden_weight"),
}
"""Type of a layer -> arrays with scales in the table; the types in the table's order."""

_ONE_SCALE = frozenset({"Embed", "MultiHeadAttention.out_weight"})


def measure_table(model: NcnnModel, feeds: Callable[[], Iterable[Feeds]], method: ClippingMethod) -> Table:
    """The table that ``ncnn2table`` would write from these inputs.

    Args:
        model: in 32 bit.
        feeds: returns the calibration samples, one by one, as often as it is called: KL needs two passes.
        method: how the ranges are clipped.
    """
    layers = [index for index, layer in enumerate(model.param.layers) if layer.type in QUANTIZABLE]
    blobs = [model.param.layers[index].bottoms[0] for index in layers]
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        abs_max, counts = _measure_abs_max(predictor, sorted(set(blobs)), feeds())
        if method == "aciq":
            limits = {blob: aciq_threshold(abs_max[blob], count=counts[blob]) for blob in abs_max}
        else:
            limits = _measure_kl_thresholds(predictor, abs_max, feeds())
    finally:
        predictor.close()
    with np.errstate(divide="ignore", over="ignore"):
        scales = {blob: float(np.float32(127) / np.float32(limit)) for blob, limit in limits.items()}
    return weight_table(model, dict(zip(layers, map(scales.__getitem__, blobs), strict=True)), method)


def _measure_abs_max(
    predictor: NcnnPredictor, blobs: Sequence[str], feeds: Iterable[Feeds]
) -> tuple[dict[str, float], dict[str, int]]:
    """Abs-max of each blob, and how many values it has in one sample."""
    abs_max, counts = dict.fromkeys(blobs, 0.0), dict.fromkeys(blobs, 0)
    for sample in feeds:
        for blob, values in predictor.extract(sample, blobs):
            abs_max[blob] = max(abs_max[blob], float(np.abs(values).max(initial=0.0)))
            counts[blob] = values.size
    return abs_max, counts


def _measure_kl_thresholds(
    predictor: NcnnPredictor, abs_max: dict[str, float], feeds: Iterable[Feeds]
) -> dict[str, float]:
    histograms = {blob: np.zeros(BINS, np.int64) for blob in abs_max}
    for sample in feeds:
        for blob, values in predictor.extract(sample, tuple(abs_max)):
            histograms[blob] += abs_histogram(values, abs_max[blob])
    thresholds = kl_thresholds(np.stack(list(histograms.values())), np.array(list(abs_max.values()), np.float32))
    return dict(zip(abs_max, thresholds.tolist(), strict=True))


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
    for kind, roles in ROLES_IN_TABLE.items():
        for layer, arrays in layers:
            if layer.type == kind:
                chosen = (array for array in arrays if array.slot.role in roles)
                rows.update({f"{layer.name}_param_{number}": _scales(layer, a) for number, a in enumerate(chosen)})
    return Table(rows)


def weight_rows(layer: Layer, array: Array) -> NDArray[np.float32]:
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
    rows, levels = weight_rows(layer, weight), weight_levels(layer)
    limits = np.abs(rows).max(axis=1)
    if method == "aciq":
        thresholds = [aciq_threshold(float(abs_max), count=rows.shape[1], levels=levels) for abs_max in limits]
        limits = np.array(thresholds, np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.float32(levels) / limits, np.float32)


def _scales(layer: Layer, array: Array) -> NDArray[np.float32]:
    abs_max = np.abs(weight_rows(layer, array)).max(axis=1)
    return np.where(abs_max == 0, np.float32(1), np.float32(127) / np.where(abs_max == 0, np.float32(1), abs_max))
