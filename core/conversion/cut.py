"""Cut the source before its post-processing, and prove by its own numbers that the two parts are the whole."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from core.common.errors import ConversionError
from core.onnx_model.attach import with_opset
from core.onnx_model.cut import Cut, find_cut
from core.onnx_model.graph import all_nodes, opset
from core.onnx_model.normalize.later import OPSET
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

_TOLERANCE = 1e-5
"""Largest difference of an output, relative to its largest value: the bits are the same but for fused nodes."""

_NOISE = 1e-3
"""Share of a boundary tensor's spread; it breaks ties, which runtimes sort differently."""

_MAX_NMS_VALUES = 1 << 15
"""Values up to which numpy computes NonMaxSuppression in a second or so: the reference is a loop in Python."""


def cut_source(model: onnx.ModelProto, feeds: Feeds) -> Cut | None:
    """Cut a model before its post-processing.

    Args:
        model: the source, as :func:`core.conversion.prepare.load_source` gives it.
        feeds: one sample, which gives the sizes of the inputs.

    Returns:
        None where it cannot be cut, or head and tail together do not give its outputs for the sample.
    """
    cut = find_cut(model, {name: tensor.shape for name, tensor in feeds.items()})
    if cut is None:
        return None
    try:
        return cut if _is_whole(cut, model, feeds) else None
    # onnx converts the tail to the opset that the head will have; where it cannot, the two do not go together.
    except (ConversionError, RuntimeError):
        return None


def run_model(model: onnx.ModelProto, feeds: Feeds, *, optimize: bool = True) -> Mapping[str, Tensor]:
    """Run a model once.

    Raises:
        ConversionError: it cannot be loaded or run.
    """
    predictor = OnnxPredictor(model, threads=1, optimize=optimize)
    try:
        return predictor.run(feeds)
    finally:
        predictor.close()


def _is_whole(cut: Cut, model: onnx.ModelProto, feeds: Feeds) -> bool:
    """Whether every form of the tail, after the head, gives the source's outputs."""
    expected = run_model(model, feeds, optimize=False)
    made = run_model(cut.head, feeds, optimize=False)
    raised = with_opset(cut.tail, max(opset(model), OPSET))
    for tail in {id(each): each for each in (cut.tail, cut.fixed_tail, raised)}.values():
        outputs = {**made, **run_model(tail, {**feeds, **made}, optimize=False)}
        if not all(name in outputs and _is_equal(outputs[name], tensor) for name, tensor in expected.items()):
            return False
    return _is_reproducible(cut.fixed_tail, {**feeds, **_without_ties(made, cut)})


def _is_reproducible(tail: onnx.ModelProto, feeds: Feeds) -> bool:
    """Whether numpy gives the same as onnxruntime, so that the post-processing can be written in any language.

    Not checked where numpy has no implementation, or its NonMaxSuppression or a loop would take minutes.
    """
    from onnx.reference import ReferenceEvaluator

    names = [value.name for value in tail.graph.input]
    operators = {node.op_type for node in all_nodes(tail.graph)}
    if operators & {"Loop", "Scan"}:
        return True
    if "NonMaxSuppression" in operators and sum(feeds[name].size for name in names) > _MAX_NMS_VALUES:
        return True
    expected = run_model(tail, feeds, optimize=False)
    try:
        outputs = ReferenceEvaluator(tail).run(None, {name: feeds[name] for name in names})
    except Exception:  # noqa: BLE001 - the reference evaluator raises anything for what it lacks
        return True
    return all(map(_has_equal_values, map(np.asarray, outputs), expected.values()))


def _without_ties(made: Mapping[str, Tensor], cut: Cut) -> dict[str, Tensor]:
    random = np.random.default_rng(0)
    noisy = dict(made)
    for tensor in cut.boundary:
        values = made[tensor.name]
        noise = random.standard_normal(values.shape).astype(np.float32)
        noisy[tensor.name] = values + np.float32(_NOISE) * (values.std() + np.float32(_NOISE)) * noise
    return noisy


def _is_equal(output: Tensor, expected: Tensor) -> bool:
    if output.shape != expected.shape or output.dtype != expected.dtype:
        return False
    limit = _TOLERANCE * max(1.0, float(np.abs(expected.astype(np.float64)).max(initial=0.0)))
    return bool(np.allclose(output, expected, rtol=0.0, atol=limit, equal_nan=True))


def _has_equal_values(output: Tensor, expected: Tensor) -> bool:
    """In any order: sums that are rounded differently may change places."""
    return output.size == expected.size and _is_equal(
        np.sort(output.astype(expected.dtype), axis=None), np.sort(expected, axis=None)
    )
