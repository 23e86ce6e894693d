"""Where the values inside a model come close to the end of 16-bit floats, or beyond: there it computes in 32 bit.

On x86 nobody notices: onnxruntime has no arithmetic in 16 bit there and passes 32-bit values from node to node, and
ncnn computes in 32 bit. On ARM both compute in 16 bit, and what lies beyond 65504 becomes infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import ConversionError
from core.fp16.candidates import float_tensors
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer, parse_layer
from core.ncnn.weights import Array
from core.onnx_model.graph import copy_model, replace_nodes, set_outputs
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

LIMIT = float(np.finfo(np.float16).max) / 4
"""From here on a value counts as large: other samples may have larger ones, and sums on the way to it, too."""

FEATURE_MASK = 31
"""The parameter of an ncnn layer that names the features that it does without (``Layer::featmask``)."""

_IN_32_BIT = 1 << 0 | 1 << 1
"""Neither arithmetic nor storage in 16 bit."""

_LARGEST_FP16 = float(np.finfo(np.float16).max)
_MASKING = frozenset({"Where", "Pad", "Max", "Min"})
"""Operators whose extreme constants stand for infinity: a 16-bit file has the largest number in their place."""

_PREFIX = "__magnitude_"


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
    large: set[str] = set()
    try:
        predictor = OnnxPredictor(_probe(model, names), threads=1, optimize=False, low_memory=True)
        try:
            for sample in samples:
                found = predictor.run(sample)
                large |= {name for name in names if not found[f"{_PREFIX}{name}"] <= LIMIT}
        finally:
            predictor.close()
    except ConversionError:  # an empty tensor has no largest value; some operators run only once they are optimised
        pass
    return frozenset(large)


def _probe(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The model with the largest magnitude of each tensor as its outputs, but for what stands for infinity."""
    probe = copy_model(model)
    masks = {name for node in probe.graph.node if node.op_type in _MASKING for name in node.input}
    for tensor in probe.graph.initializer:
        if tensor.name in masks and tensor.data_type == TensorProto.FLOAT:
            values = np.clip(numpy_helper.to_array(tensor), -_LARGEST_FP16, _LARGEST_FP16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for name, value in ((f"{_PREFIX}end", _LARGEST_FP16), (f"{_PREFIX}zero", 0.0)):
        probe.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    wanted = set(names)
    nodes: list[onnx.NodeProto] = []
    for node in probe.graph.node:  # each is read as soon as it was made, and can be freed
        nodes += [node, *(each for name in node.output if name in wanted for each in _magnitude(name))]
    replace_nodes(probe.graph, nodes)
    set_outputs(probe, [f"{_PREFIX}{name}" for name in names])
    return probe


def _magnitude(name: str) -> Iterator[onnx.NodeProto]:
    part = {step: f"{_PREFIX}{step}_of_{name}" for step in ("abs", "below", "above", "other", "chosen")}
    yield helper.make_node("Abs", [name], [part["abs"]])
    yield helper.make_node("Less", [part["abs"], f"{_PREFIX}end"], [part["below"]])
    yield helper.make_node("Greater", [part["abs"], f"{_PREFIX}end"], [part["above"]])
    yield helper.make_node("Or", [part["below"], part["above"]], [part["other"]])
    yield helper.make_node("Where", [part["other"], part["abs"], f"{_PREFIX}zero"], [part["chosen"]])
    yield helper.make_node("ReduceMax", [part["chosen"]], [f"{_PREFIX}{name}"], keepdims=0)


def keep_large_in_32_bit(model: NcnnModel, samples: Iterable[Feeds]) -> NcnnModel:
    """The same model, of which the layers that read or make large values compute in 32 bit wherever it runs.

    ncnn does not convert a 16-bit blob for a layer that is to do without 16 bit, but reads past its end. So a Dropout
    that changes nothing comes before each such layer: ncnn has it in 32 bit only, and converts what it reads.

    Args:
        model: in 32 bit; it was run before, so that it is known not to crash.
        samples: a few inputs.
    """
    large = {blob for sample in samples for blob in _large_blobs(model, sample)}
    if not large:
        return model
    masked = [not large.isdisjoint((*layer.bottoms, *layer.tops)) for layer in model.param.layers]
    in_32_bit = {
        top
        for layer, is_masked in zip(model.param.layers, masked, strict=True)
        for top in layer.tops
        if is_masked or layer.type == "Input"
    }
    layers: list[Layer] = []
    weights: list[tuple[Array, ...]] = []
    for layer, arrays, is_masked in zip(model.param.layers, model.weights, masked, strict=True):
        if is_masked and layer.type != "Input":
            entries = list(dict.fromkeys(blob for blob in layer.bottoms if blob not in in_32_bit))
            layers += [_dropout(blob) for blob in entries]
            weights += [()] * len(entries)
            layer = _in_32_bit(layer).with_bottoms(
                tuple(_copy_of(blob) if blob in entries else blob for blob in layer.bottoms)
            )
        layers.append(layer)
        weights.append(arrays)
    return replace(model, param=model.param.with_layers(layers), weights=tuple(weights))


def _dropout(blob: str) -> Layer:
    return parse_layer(f"Dropout {_copy_of(blob)} 1 1 {blob} {_copy_of(blob)}")


def _copy_of(blob: str) -> str:
    return f"{blob}_in_32_bit"


def _in_32_bit(layer: Layer) -> Layer:
    return layer.with_param(FEATURE_MASK, str(layer.integer(FEATURE_MASK) | _IN_32_BIT))


def _large_blobs(model: NcnnModel, sample: Feeds) -> Iterator[str]:
    # What lies around a picture for a maximum may be as small as it likes.
    blobs = [blob for layer in model.param.layers if layer.type != "Padding" for blob in layer.tops]
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for blob, values in predictor.extract(sample, blobs):
            if values.dtype == np.float32 and values.size and not np.abs(values).max() <= LIMIT:
                yield blob
    except ConversionError:  # a blob that holds nothing
        return
    finally:
        predictor.close()
