"""Measure the ranges of all activations of an ONNX model (min-max calibration)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper

from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

Range = tuple[float, float]
"""Smallest and largest value of a tensor."""

_MIN, _MAX = "__smallest", "__largest"


def measure_ranges(model: onnx.ModelProto, feeds: Iterable[Feeds]) -> dict[str, Range]:
    """Smallest and largest value of every float tensor between the nodes, and of the inputs.

    The reductions are made part of the model, so that only two numbers come out for each tensor;
    what is kept does not depend on the number of samples. (onnxruntime's own calibrator keeps
    the outputs of every sample; its option against that, CalibMaxIntermediateOutputs, gave wrong
    ranges in 1.32.)

    Args:
        model: the clean model; it is not changed.
        feeds: the calibration samples, taken one by one.

    Returns:
        Tensor name -> range over all samples.
    """
    names = _float_tensors(model)
    predictor = OnnxPredictor(_with_reductions(model, names), threads=0)
    lowest = np.full(len(names), np.inf, np.float32)
    highest = np.full(len(names), -np.inf, np.float32)
    try:
        for sample in feeds:
            answers = predictor.run(sample)
            lowest = np.fmin(lowest, [float(answers[name + _MIN]) for name in names])
            highest = np.fmax(highest, [float(answers[name + _MAX]) for name in names])
    finally:
        predictor.close()
    pairs = zip(names, lowest.tolist(), highest.tolist(), strict=True)
    return {name: (low, high) for name, low, high in pairs if np.isfinite((low, high)).all()}


def _float_tensors(model: onnx.ModelProto) -> list[str]:
    """Names of the float32 tensors; onnxruntime itself tells the types, which few files state in full."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    _set_outputs(probe, [name for node in model.graph.node for name in node.output if name])
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    predictor = OnnxPredictor(probe, threads=1)
    try:
        floats = predictor.float_tensors
    finally:
        predictor.close()
    return [name for name in (*inputs, *predictor.outputs) if name in floats]


def _with_reductions(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    for name in names:
        for operator, suffix in (("ReduceMin", _MIN), ("ReduceMax", _MAX)):
            augmented.graph.node.append(helper.make_node(operator, [name], [name + suffix], keepdims=0))
    _set_outputs(augmented, [name + suffix for name in names for suffix in (_MIN, _MAX)])
    return augmented


def _set_outputs(model: onnx.ModelProto, names: list[str]) -> None:
    """Outputs without a type: onnxruntime infers it."""
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
