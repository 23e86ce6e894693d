"""Where the values inside a model come close to the end of 16-bit floats, or beyond: there it computes in 32 bit.

On x86 nobody notices: onnxruntime has no arithmetic in 16 bit there and passes 32-bit values from node to node, and
ncnn computes in 32 bit. On ARM both compute in 16 bit, and what lies beyond 65504 becomes infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import helper

from core.common.errors import ConversionError
from core.fp16.candidates import float_tensors
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array
from core.onnx_model.graph import copy_model, set_outputs
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

LIMIT = float(np.finfo(np.float16).max) / 4
"""From here on a value counts as large: other samples may have larger ones, and sums on the way to it, too."""

FEATURE_MASK = 31
"""The parameter of an ncnn layer that names the features that it does without (``Layer::featmask``)."""

_IN_32_BIT = 1 << 0 | 1 << 1
"""Neither arithmetic nor storage in 16 bit."""

_LARGEST = "__largest_of_"


def nodes_with_large_values(model: onnx.ModelProto, samples: Iterable[Feeds]) -> frozenset[int]:
    """Indices of the nodes that read or make large values.

    Args:
        model: a clean model in 32 bit; it is not changed.
        samples: a few inputs.
    """
    names = _large_tensors(model, samples)
    return frozenset(
        index for index, node in enumerate(model.graph.node) if not names.isdisjoint((*node.input, *node.output))
    )


def _large_tensors(model: onnx.ModelProto, samples: Iterable[Feeds]) -> frozenset[str]:
    floats = float_tensors(model)
    names = [name for node in model.graph.node for name in node.output if name in floats]
    probe = copy_model(model)
    for name in reversed(names):  # onnxruntime runs the last of them first, and frees each tensor in between
        probe.graph.node.append(helper.make_node("Abs", [name], [f"{_LARGEST}abs_{name}"]))
        probe.graph.node.append(
            helper.make_node("ReduceMax", [f"{_LARGEST}abs_{name}"], [f"{_LARGEST}{name}"], keepdims=0)
        )
    set_outputs(probe, [f"{_LARGEST}{name}" for name in names])
    try:
        predictor = OnnxPredictor(probe, threads=1, optimize=False)
    except ConversionError:  # an operator that only the optimiser makes runnable
        return frozenset()
    large: set[str] = set()
    try:
        for sample in samples:
            found = predictor.run(sample)
            large |= {name for name in names if not found[f"{_LARGEST}{name}"] <= LIMIT}
    except ConversionError:  # such as an empty tensor, which has no largest value
        return frozenset(large)
    finally:
        predictor.close()
    return frozenset(large)


def keep_large_in_32_bit(model: NcnnModel, samples: Iterable[Feeds]) -> NcnnModel:
    """The same model, of which the layers that read or make large values compute in 32 bit wherever it runs.

    Args:
        model: in 32 bit; it was run before, so that it is known not to crash.
        samples: a few inputs.
    """
    large = {blob for sample in samples for blob in _large_blobs(model, sample)}

    def edit(_: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        return (layer if large.isdisjoint((*layer.bottoms, *layer.tops)) else _in_32_bit(layer)), arrays

    return model.edited(edit) if large else model


def _in_32_bit(layer: Layer) -> Layer:
    return layer.with_param(FEATURE_MASK, str(layer.integer(FEATURE_MASK) | _IN_32_BIT))


def _large_blobs(model: NcnnModel, sample: Feeds) -> Iterator[str]:
    blobs = [blob for layer in model.param.layers for blob in layer.tops]
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for blob, values in predictor.extract(sample, blobs):
            if values.dtype == np.float32 and values.size and not np.abs(values).max() <= LIMIT:
                yield blob
    except ConversionError:  # a blob that holds nothing
        return
    finally:
        predictor.close()
