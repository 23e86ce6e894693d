"""Which blob of an ncnn model holds which tensor of the source: pnnx numbers the blobs, so that values decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from core.ncnn.model import NcnnModel
from core.onnx_model.graph import set_outputs
from core.runtimes.inner_tensors import tensor_sizes, with_outputs
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

_MAX_VALUES = 2048
"""Values of a tensor that are compared, evenly spread."""

_MAX_NOISE = 2e-3
"""Power of the difference over that of the tensor, up to which the two are the same: a cosine of 0.999."""

_FLAT, _START, _END, _STEP, _PART = "__flat", "__start", "__end", "__step_", "__part_"
"""Names in the source while its values are picked."""

_DECIMALS = 6
"""Noise is rounded to these, so that of equal tensors the first ones belong together."""


def match_blobs(ncnn_model: NcnnModel, source: onnx.ModelProto, feeds: Feeds, names: Sequence[str]) -> dict[str, str]:
    """Find the blobs of tensors by running both models on one sample.

    Args:
        ncnn_model: in 32 bit, converted from the source; other precisions of it have the same blobs.
        source: the clean model.
        feeds: one sample.
        names: of the source's tensors, in the order of the graph.

    Returns:
        Tensor -> blob, each blob once; without the tensors that ncnn computes together with the next ones, or stores
        in another order.

    Raises:
        ConversionError: one of the two does not run.
    """
    tensors = list(_tensor_values(source, feeds, names))
    blobs = list(_blob_values(ncnn_model, feeds))
    pairs = sorted(_similar_pairs(tensors, blobs))
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for _, tensor, blob in pairs:
        name, place = tensors[tensor].name, blobs[blob].name
        if name not in matched and place not in taken:
            matched[name] = place
            taken.add(place)
    return {name: matched[name] for name in names if name in matched}


@dataclass(frozen=True)
class _Values:
    """A part of the values of a tensor or blob."""

    name: str
    size: int
    """Number of all its values."""

    part: NDArray[np.float64]


def _stride(size: int) -> int:
    """An odd stride meets every column of an image whose sides are powers of two."""
    return max(1, size // _MAX_VALUES) | 1


def _tensor_values(source: onnx.ModelProto, feeds: Feeds, names: Sequence[str]) -> Iterator[_Values]:
    """Of the float tensors; nodes added to the model pick the values, so that no tensor leaves it as a whole."""
    sizes = tensor_sizes(source, names, feeds)
    probe = with_outputs(source, names)
    _add_constants(probe.graph, {_FLAT: -1, _START: 0, _END: np.iinfo(np.int64).max})
    for number, name in reversed(list(enumerate(names))):  # onnxruntime runs the last first, and then frees the tensor
        _add_constants(probe.graph, {f"{_STEP}{number}": _stride(sizes[name])})
        picked = [f"{_FLAT}_{number}", _START, _END, _START, f"{_STEP}{number}"]
        probe.graph.node.append(helper.make_node("Reshape", [name, _FLAT], [picked[0]]))
        probe.graph.node.append(helper.make_node("Slice", picked, [f"{_PART}{number}"]))
    set_outputs(probe, [f"{_PART}{number}" for number in range(len(names))])
    predictor = OnnxPredictor(probe, threads=1)
    try:
        parts = predictor.run(feeds)
    finally:
        predictor.close()
    for name, part in zip(names, parts.values(), strict=True):
        if np.issubdtype(part.dtype, np.floating):
            yield _Values(name, sizes[name], part.astype(np.float64))


def _add_constants(graph: onnx.GraphProto, values: Mapping[str, int]) -> None:
    graph.initializer.extend(numpy_helper.from_array(np.array([value]), name) for name, value in values.items())


def _blob_values(model: NcnnModel, feeds: Feeds) -> Iterator[_Values]:
    blobs = [top for layer in model.param.layers for top in layer.tops]
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for name, values in predictor.extract(feeds, blobs):
            yield _Values(name, values.size, values.reshape(-1)[:: _stride(values.size)].astype(np.float64))
    finally:
        predictor.close()


def _similar_pairs(tensors: Sequence[_Values], blobs: Sequence[_Values]) -> Iterator[tuple[float, int, int]]:
    """(Noise, index of the tensor, index of the blob) of all pairs of one size that agree."""
    for tensor_indices, blob_indices in _by_size(tensors, blobs):
        a = np.stack([tensors[index].part for index in tensor_indices])
        b = np.stack([blobs[index].part for index in blob_indices])
        for index, row in zip(tensor_indices, a, strict=True):
            noise = _noise(row, b)
            for place in np.flatnonzero(noise <= _MAX_NOISE):
                yield round(float(noise[place]), _DECIMALS), index, blob_indices[int(place)]


def _noise(row: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of the difference of each other row over that of the row; NaN where that is zero or not finite."""
    with np.errstate(all="ignore"):
        noise: NDArray[np.float64] = np.square(others - row).sum(axis=1) / (row @ row)
    return noise


def _by_size(tensors: Sequence[_Values], blobs: Sequence[_Values]) -> Iterator[tuple[list[int], list[int]]]:
    """Indices of the tensors and blobs of each size that both have."""
    sizes: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, values in enumerate((tensors, blobs)):
        for index, one in enumerate(values):
            sizes[one.size][side].append(index)
    return (pair for pair in sizes.values() if all(pair))
