"""8 bit in ncnn as its own tools make it: measured here by KL or ACIQ in constant memory, or by those tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.table import Table
from core.quantization.ncnn.int8 import QUANTIZABLE
from core.quantization.ncnn.official_format import ClippingMethod, weight_table
from core.quantization.ncnn.official_tools import calibrate, open_tools, quantize
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.kl_divergence import BINS, histogram, kl_thresholds
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds


def measure_table(model: NcnnModel, feeds: Callable[[], Iterable[Feeds]], method: ClippingMethod) -> Table:
    """The table that ``ncnn2table`` would write from these inputs.

    Args:
        model: in 32 bit.
        feeds: gives the calibration samples, one by one, as often as it is called: KL goes over them twice.
        method: how the ranges are clipped.
    """
    layers = [index for index, layer in enumerate(model.param.layers) if layer.type in QUANTIZABLE]
    blobs = [model.param.layers[index].bottoms[0] for index in layers]
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        largest, counts = _extremes(predictor, sorted(set(blobs)), feeds())
        if method == "aciq":
            limits = {blob: aciq_threshold(largest[blob], count=counts[blob]) for blob in largest}
        else:
            limits = _clipped(predictor, largest, feeds())
    finally:
        predictor.close()
    with np.errstate(divide="ignore", over="ignore"):
        scales = {blob: float(np.float32(127) / np.float32(limit)) for blob, limit in limits.items()}
    return weight_table(model, dict(zip(layers, map(scales.__getitem__, blobs), strict=True)), method)


def _extremes(
    predictor: NcnnPredictor, blobs: Sequence[str], feeds: Iterable[Feeds]
) -> tuple[dict[str, float], dict[str, int]]:
    """Greatest magnitude of each blob, and how many numbers it has."""
    largest, counts = dict.fromkeys(blobs, 0.0), dict.fromkeys(blobs, 0)
    for sample in feeds:
        for blob, values in predictor.extract(sample, blobs):
            largest[blob] = max(largest[blob], float(np.abs(values).max(initial=0.0)))
            counts[blob] = values.size
    return largest, counts


def _clipped(predictor: NcnnPredictor, largest: dict[str, float], feeds: Iterable[Feeds]) -> dict[str, float]:
    histograms = {blob: np.zeros(BINS, np.int64) for blob in largest}
    for sample in feeds:
        for blob, values in predictor.extract(sample, tuple(largest)):
            histograms[blob] += histogram(values, largest[blob])
    thresholds = kl_thresholds(np.stack(list(histograms.values())), np.array(list(largest.values()), np.float32))
    return dict(zip(largest, thresholds.tolist(), strict=True))


def quantize_with_official_tools(model: NcnnModel, feeds: Iterable[Feeds], *, choice: str, folder: Path) -> NcnnModel:
    """Let ncnn's own programs measure by KL and write the weights.

    Args:
        model: in 32 bit.
        feeds: the calibration samples, taken one by one.
        choice: which programs, as :func:`core.quantization.ncnn.official_tools.open_tools` takes it.
        folder: for their files.

    Raises:
        ToolError: the programs are missing or do not start.
        ConversionError: they gave no result that can be used, or the model takes more than one input.
    """
    tools = open_tools(choice, folder=folder / "release")
    if len(model.inputs) != 1:
        raise ConversionError(
            say(
                "The official tools are used for models with one input, and this one has {count}.",
                count=len(model.inputs),
            ),
            next_step=say("Leave out the official tools: EdgePress does the same by itself."),
        )
    (name,) = model.inputs
    tensors = (sample[name][0] for sample in feeds)
    table = calibrate(tools, model, tensors, method="kl", folder=folder / "table")
    return quantize(tools, model, table, folder=folder / "int8")
