"""An ONNX model with every size known: shapes and types of its tensors, and the values of those that are constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.onnx_model.graph import copy_model, set_outputs, subgraphs
from core.runtimes.inner_tensors import tensor_shapes, with_outputs
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


@dataclass(frozen=True)
class StaticGraph:
    """What the conversion needs to know of a model."""

    nodes: Sequence[onnx.NodeProto]
    """The nodes whose results depend on the inputs, in the order of the graph."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Tensor]
    shapes: Mapping[str, tuple[int, ...]]
    """Of every tensor that is not constant."""

    dtypes: Mapping[str, np.dtype[np.generic]]
    """Likewise."""

    opset: int


def static_graph(model: onnx.ModelProto, feeds: Feeds) -> StaticGraph:
    """Find shapes and types by running the model once, and compute what does not depend on its inputs.

    Args:
        model: a clean model; it is not changed.
        feeds: one sample, whose sizes all samples must have.

    Raises:
        ConversionError: onnxruntime does not run it.
    """
    model = copy_model(model)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    constants |= _folded(model, feeds, constants)
    nodes = [node for node in model.graph.node if not set(node.output) <= constants.keys()]
    names = [name for node in nodes for name in node.output if name]
    inputs = tuple(value.name for value in model.graph.input if value.name not in constants)
    shapes = {name: feeds[name].shape for name in inputs} | tensor_shapes(model, names, feeds)
    dtypes = {value.name: _dtype(value) for value in model.graph.input} | _dtypes(model, names)
    return StaticGraph(
        nodes=nodes,
        inputs=inputs,
        outputs=tuple(value.name for value in model.graph.output),
        constants=constants,
        shapes=shapes,
        dtypes=dtypes,
        opset=max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
    )


def _folded(model: onnx.ModelProto, feeds: Feeds, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values of the tensors that are computed from constants, or from sizes, which are constant here."""
    constant = set(known)
    border: list[str] = []
    for node in model.graph.node:
        fixed = node.op_type in ("Shape", "Size") or constant.issuperset(name for name in node.input if name)
        if fixed and node.op_type not in _RANDOM and not any(subgraphs(node)):
            constant.update(name for name in node.output if name)
            border += [name for name in node.output if name]
    if not border:
        return {}
    predictor = OnnxPredictor(with_outputs(model, border), threads=1, optimize=False)
    try:
        return dict(predictor.run(feeds))
    finally:
        predictor.close()


def _dtypes(model: onnx.ModelProto, names: Sequence[str]) -> dict[str, np.dtype[np.generic]]:
    """Element types, as onnxruntime infers them."""
    probe = copy_model(model)
    set_outputs(probe, list(dict.fromkeys(names)))
    predictor = OnnxPredictor(probe, threads=1, optimize=False)
    try:
        return {name: np.dtype(kind) for name, kind in predictor.output_types.items()}
    finally:
        predictor.close()


def _dtype(value: onnx.ValueInfoProto) -> np.dtype[np.generic]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
