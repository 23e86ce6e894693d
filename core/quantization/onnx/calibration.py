"""Run an ONNX model over the calibration pictures and keep what 8-bit numbers need to know, in constant memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.onnx_model.graph import copy_model, set_outputs
from core.quantization.observers.histogram import Histogram
from core.quantization.observers.moments import Moments
from core.quantization.observers.ranges import Range, RangeMethod, choose_range
from core.quantization.onnx.layers import QuantizableLayer, find_layers
from core.quantization.onnx.patches import add_parts, add_patches, slice_nodes
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

_MIN, _MAX, _SOME = "__smallest", "__largest", "__some"
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_ACTIVATIONS = ("Relu", "Clip")
_CLOSE = 20
"""Samples of which the layers' inputs are looked at: they are many numbers, and more of them change little."""

_TRIED = 8
"""Samples that are put aside, to try layers on: on those that shaped the weights everything looks good."""

_TOGETHER = 16
"""Samples whose values are counted together: that takes a fraction of the time, and 128 kB a tensor."""

_FEW = 3
"""Fewer samples than this are all needed for the weights."""

_VALUES = 2048
"""Values of a tensor that are counted in one picture; smallest and largest are taken of all."""


@dataclass(frozen=True)
class CalibrationStatistics:
    """What the calibration pictures tell."""

    ranges: Mapping[str, Range]
    """Tensor name -> smallest and largest value."""

    histograms: Mapping[str, Histogram]
    """Tensor name -> distribution of a sample of its values."""

    moments: Mapping[QuantizableLayer, Moments]
    """Layer -> how its inputs go together."""

    means: Mapping[str, Range]
    """Tensor name -> smallest and largest value of a single sample, mean of all samples."""

    samples: Sequence[Feeds]
    """A few inputs of which the moments know nothing."""

    def chosen(self, method: RangeMethod) -> dict[str, Range]:
        """Tensor name -> the range to cover."""
        if method == "moving-average":
            return {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in self.means.items()}
        return {name: choose_range(method, self.histograms[name], whole) for name, whole in self.ranges.items()}


def collect_statistics(
    model: onnx.ModelProto, feeds: Iterable[Feeds], *, operators: Collection[str], count: int
) -> CalibrationStatistics:
    """Ranges and distributions of the tensors around some operators, and how the inputs of layers go together.

    What is looked at is computed by nodes added to the model, so that a few numbers come out for
    each tensor; what is kept does not depend on the number of samples. (onnxruntime's own
    calibrator keeps the outputs of every sample; its option against that, CalibMaxIntermediateOutputs,
    gave wrong ranges in 1.32.)

    Args:
        model: the clean model, whose nodes have names of their own; it is not changed.
        feeds: the calibration samples, taken one by one.
        operators: types of the nodes whose inputs and outputs are measured.
        count: how many samples come, about.
    """
    feeds = iter(feeds)
    first = next(feeds, None)
    if first is None:
        return CalibrationStatistics({}, {}, {}, {}, ())
    shapes = _shapes(model, _around(model, operators), first)
    layers = find_layers(model)
    observed = copy_model(model)
    _add_reductions(observed, shapes)
    set_outputs(observed, [name + end for name in shapes for end in (_MIN, _MAX, _SOME)])
    closer = copy_model(observed)
    role = _Roles(count)
    patches = add_patches(closer, layers, shapes, density=_CLOSE / role.close)
    closer.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(set(patches.values())))
    watch = _Watch(list(shapes), {layer: patches[layer.node] for layer in layers})
    plain, close = OnnxPredictor(observed), OnnxPredictor(closer)
    aside: list[Feeds] = []
    try:
        for number, sample in enumerate(chain([first], feeds)):
            watch.take((close if role.is_close(number) else plain).run(sample))
            if role.is_tried(number):
                aside.append(sample)
    finally:
        plain.close()
        close.close()
    return watch.measured(_folded(model), aside or [first])


class _Roles:
    """Which samples shape the weights, and which are put aside to judge them; all of them widen the ranges.

    Args:
        count: of samples, about.
    """

    def __init__(self, count: int) -> None:
        aside = 0 if count < _FEW else max(1, min(_TRIED, count // 4))
        self._tried = {(2 * number + 1) * count // (2 * aside) for number in range(aside)}
        self._every = max(1, (count - aside) // _CLOSE)
        self.close = max(1, min(_CLOSE, count - aside))
        """How many samples are looked at closely."""

    def is_close(self, number: int) -> bool:
        """Whether the layers' inputs are looked at."""
        return number % self._every == 0 and number not in self._tried

    def is_tried(self, number: int) -> bool:
        """Whether it is put aside."""
        return number in self._tried


class _Watch:
    """What is kept of the answers.

    Args:
        names: the tensors whose ranges are measured.
        patches: layer -> tensor with a sample of what its weights are multiplied with.
    """

    def __init__(self, names: list[str], patches: Mapping[QuantizableLayer, str]) -> None:
        self._patches = patches
        self._lowest = dict.fromkeys(names, np.inf)
        self._highest = dict.fromkeys(names, -np.inf)
        self._waiting: dict[str, list[Tensor]] = {name: [] for name in names}
        self._sums = {name: np.zeros(2) for name in names}
        self._count = 0
        self._histograms = {name: Histogram() for name in names}
        self._moments = {layer: Moments() for layer in patches}

    def take(self, answers: Mapping[str, Tensor]) -> None:
        """Take in the answers to one sample; patches are in some of them only."""
        self._count += 1
        for name in self._histograms:
            self._lowest[name] = min(self._lowest[name], float(answers[name + _MIN]))
            self._highest[name] = max(self._highest[name], float(answers[name + _MAX]))
            self._sums[name] += answers[name + _MIN], answers[name + _MAX]
            self._waiting[name].append(answers[name + _SOME].ravel())
        if self._count % _TOGETHER == 0:
            self._flush()
        for layer, name in self._patches.items():
            if name in answers:
                self._moments[layer].add(layer.rows(answers[name]))

    def _flush(self) -> None:
        for name, histogram in self._histograms.items():
            if self._waiting[name]:
                histogram.add(np.concatenate(self._waiting[name]))
                self._waiting[name] = []

    def measured(self, folded: Mapping[str, str], samples: Sequence[Feeds]) -> CalibrationStatistics:
        """The results; a folded tensor has the range of the one after it."""
        self._flush()
        pairs = {name: (low, self._highest[name]) for name, low in self._lowest.items()}
        ranges = {name: pair for name, pair in pairs.items() if np.isfinite(pair).all()}
        ranges |= {before: ranges[after] for before, after in folded.items() if after in ranges}
        histograms = {name: self._histograms[folded.get(name, name)] for name in ranges}
        sums = {name: self._sums[folded.get(name, name)] / max(1, self._count) for name in ranges}
        means = {name: (float(low), float(high)) for name, (low, high) in sums.items()}
        return CalibrationStatistics(ranges, histograms, self._moments, means, samples)


def _around(model: onnx.ModelProto, operators: Collection[str]) -> list[str]:
    """Names of the tensors that go into or come out of the operators, in order, constants left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    folded = _folded(model)
    names = [
        name
        for node in model.graph.node
        if node.op_type in operators
        for name in (*node.input, *node.output)
        if name and name not in weights and name not in folded
    ]
    return list(dict.fromkeys(names))


def _folded(model: onnx.ModelProto) -> dict[str, str]:
    """Tensors between a layer and its own Relu or Clip, which become one step -> what comes after that."""
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            users[name].append(node)
    outputs = {value.name for value in model.graph.output}
    folded = {}
    for node in model.graph.node:
        after = users[node.output[0]]
        if node.op_type in _LAYERS and len(after) == 1 and after[0].op_type in _ACTIVATIONS:
            folded[node.output[0]] = after[0].output[0]
    return {name: after for name, after in folded.items() if name not in outputs}


def _shapes(model: onnx.ModelProto, names: list[str], sample: Feeds) -> dict[str, tuple[int, ...]]:
    """Shapes of the float32 tensors; onnxruntime itself tells, since few files state them in full."""
    inputs = {value.name for value in model.graph.input}
    probe = copy_model(model)
    set_outputs(probe, [name for name in names if name not in inputs])
    predictor = OnnxPredictor(probe, threads=0)
    try:
        tensors = {**{name: sample[name] for name in inputs if name in names}, **predictor.run(sample)}
        return {name: tensors[name].shape for name in names if name in predictor.float_tensors}
    finally:
        predictor.close()


def _add_reductions(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    flat = numpy_helper.from_array(np.array([-1], np.int64), "__flat")
    model.graph.initializer.append(flat)
    for number, (name, shape) in enumerate(shapes.items()):
        for operator, suffix in (("ReduceMin", _MIN), ("ReduceMax", _MAX)):
            model.graph.node.append(helper.make_node(operator, [name], [name + suffix], keepdims=0))
        model.graph.node.append(helper.make_node("Reshape", [name, "__flat"], [f"__flat_{number}"]))
        # An odd step meets every column of a picture whose sides are powers of two.
        every = max(1, int(np.prod(shape)) // _VALUES) | 1
        parts = list(slice_nodes(f"__flat_{number}", name + _SOME, every=[every]))
        add_parts(model.graph, parts, f"__slice_{number}")
