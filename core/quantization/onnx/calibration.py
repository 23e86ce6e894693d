"""Calibration of an ONNX model: ranges, histograms and GPTQ statistics over all samples, in constant memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.common.errors import ConversionError
from core.onnx_model.graph import copy_model, set_outputs
from core.quantization.observers.histogram import Histogram
from core.quantization.observers.input_moments import InputMoments
from core.quantization.observers.ranges import Range, RangeMethod, choose_range
from core.quantization.onnx.layers import QuantizableLayer, find_layers
from core.quantization.onnx.patches import add_parts, add_patches, slice_nodes
from core.runtimes.inner_tensors import tensor_shapes, with_outputs
from core.runtimes.mapped import MappedPredictor
from core.runtimes.predictor import Feeds, Tensor

_MIN, _MAX, _VALUES = "__min", "__max", "__values"
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_ACTIVATIONS = ("Relu", "Clip")

_GPTQ_SAMPLES = 20
"""Samples for GPTQ's statistics: each is costly, and more of them change little (docs/calibration.md)."""

_HELD_OUT_SAMPLES = 32
"""Samples for the sensitivity analysis, at most: on those that GPTQ rounded for, the noise is next to nothing."""

_MIN_TO_HOLD_OUT = 3
"""With fewer samples than this, GPTQ gets all of them."""

_HISTOGRAM_BATCH = 16
"""Samples whose values are counted together: that takes a fraction of the time, and 128 kB a tensor."""

_VALUES_PER_SAMPLE = 2048
"""Values of a tensor that are counted in one sample; minimum and maximum are those of all values."""


@dataclass(frozen=True)
class CalibrationStatistics:
    """What was measured over the calibration samples."""

    ranges: Mapping[str, Range]
    """Tensor name -> minimum and maximum over all samples."""

    histograms: Mapping[str, Histogram]
    """Tensor name -> distribution of a part of its values."""

    moments: Mapping[QuantizableLayer, InputMoments]
    """Layer -> moments of its inputs, for GPTQ and bias correction."""

    mean_ranges: Mapping[str, Range]
    """Tensor name -> minimum and maximum of one sample, averaged over all samples."""

    held_out: Sequence[Feeds]
    """A few samples that are not in ``moments``, for the sensitivity analysis."""

    def ranges_by(self, method: RangeMethod) -> dict[str, Range]:
        """Tensor name -> the range that 8 bit should cover."""
        if method == "moving-average":
            return {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in self.mean_ranges.items()}
        return {name: choose_range(method, self.histograms[name], min_max) for name, min_max in self.ranges.items()}


def collect_statistics(
    model: onnx.ModelProto,
    feeds: Iterable[Feeds],
    *,
    operators: Collection[str],
    count: int,
    held_out: Sequence[int] | None = None,
) -> CalibrationStatistics:
    """Ranges and histograms of the tensors around some operators, and the moments of the layers' inputs.

    Nodes added to the model reduce every tensor to a few values before they leave it; the memory needed
    does not depend on the number of samples. (onnxruntime's own calibrator keeps the outputs of every
    sample; its option against that, CalibMaxIntermediateOutputs, gave wrong ranges in 1.32.)

    Args:
        model: the clean model, whose nodes have unique names; it is not changed.
        feeds: the calibration samples, taken one by one.
        operators: types of the nodes whose inputs and outputs are observed.
        count: approximate number of samples.
        held_out: numbers of the samples for the sensitivity analysis, the best ones first; None for a few that are
            spread evenly.
    """
    feeds = iter(feeds)
    first = next(feeds, None)
    if first is None:
        return CalibrationStatistics({}, {}, {}, {}, ())
    shapes = _float_shapes(model, _tensors_around(model, operators), first)
    inputs = {node.name: node.input[0] for node in model.graph.node if node.input}
    layers = [layer for layer in find_layers(model) if inputs[layer.node] in shapes]
    observed = copy_model(model)
    _add_reductions(observed, shapes)
    _reduce_early(observed.graph, model)
    set_outputs(observed, [name + suffix for name in shapes for suffix in (_MIN, _MAX, _VALUES)])
    with_patches = copy_model(observed)
    roles = _SampleRoles(count, held_out)
    patches = add_patches(with_patches, layers, shapes, density=_GPTQ_SAMPLES / roles.gptq_count)
    _reduce_early(with_patches.graph, model)
    with_patches.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(set(patches.values())))
    collector = _StatisticsCollector(list(shapes), {layer: patches[layer.node] for layer in layers})
    plain = MappedPredictor(observed, low_memory=True)
    try:
        detailed = MappedPredictor(with_patches, low_memory=True)
        detailed.run(first)
    except ConversionError:
        detailed = plain  # without statistics of their inputs, layers are only rounded to the nearest
    del observed, with_patches
    kept: list[Feeds] = []
    fallback = first
    try:
        for number, sample in enumerate(chain([first], feeds)):
            collector.update((detailed if roles.is_for_gptq(number) else plain).run(sample))
            if roles.is_held_out(number):
                kept.append(sample)
            if held_out and number == held_out[0]:
                fallback = sample
    finally:
        plain.close()
        if detailed is not plain:
            detailed.close()
    return collector.compute(_fused_tensors(model), kept or [fallback])


def spare_samples(count: int, held_out: Sequence[int] | None = None, *, most: int) -> tuple[int, ...]:
    """Numbers of the samples that go neither into GPTQ's statistics nor into the sensitivity analysis, spread evenly.

    Args:
        count: number of samples.
        held_out: as for :func:`collect_statistics`; none of them is among those that are returned.
        most: of them.
    """
    roles = _SampleRoles(count, held_out)
    taken = frozenset(held_out or ())
    spare = [
        number
        for number in range(count)
        if number not in taken and not roles.is_for_gptq(number) and not roles.is_held_out(number)
    ]
    return tuple(spare[index * len(spare) // most] for index in range(most)) if len(spare) > most else tuple(spare)


class _SampleRoles:
    """Which samples go into GPTQ's statistics, and which are held out for the sensitivity analysis.

    Both kinds are spread evenly over all samples, unless others are wanted; every sample goes into the ranges.

    Args:
        count: approximate number of samples.
        wanted: those that should be held out, the best ones first, as many as can be spared; None for any.
    """

    def __init__(self, count: int, wanted: Sequence[int] | None = None) -> None:
        most = 0 if count < _MIN_TO_HOLD_OUT else max(1, min(_HELD_OUT_SAMPLES, count // 4))
        spread = [(2 * number + 1) * count // (2 * most) for number in range(most)]
        self._held_out = frozenset(spread if wanted is None else wanted[:most])
        held_out = len(self._held_out)
        self._gptq_interval = max(1, (count - held_out) // _GPTQ_SAMPLES)
        self.gptq_count = max(1, min(_GPTQ_SAMPLES, count - held_out))
        """How many samples go into GPTQ's statistics."""

    def is_for_gptq(self, number: int) -> bool:
        """Whether this sample goes into GPTQ's statistics."""
        return number % self._gptq_interval == 0 and number not in self._held_out

    def is_held_out(self, number: int) -> bool:
        """Whether this sample is held out."""
        return number in self._held_out


class _StatisticsCollector:
    """Updates the observers with the outputs of the observed model.

    Args:
        names: the tensors whose ranges are measured.
        patches: layer -> tensor with rows that its weights are multiplied with.
    """

    def __init__(self, names: list[str], patches: Mapping[QuantizableLayer, str]) -> None:
        self._patches = patches
        self._min = dict.fromkeys(names, np.inf)
        self._max = dict.fromkeys(names, -np.inf)
        self._batches: dict[str, list[Tensor]] = {name: [] for name in names}
        self._sums = {name: np.zeros(2) for name in names}
        self._count = 0
        self._seen = dict.fromkeys(names, 0)
        self._histograms = {name: Histogram() for name in names}
        self._moments = {layer: InputMoments() for layer in patches}

    def update(self, outputs: Mapping[str, Tensor]) -> None:
        """Add one sample; patches are among the outputs of some samples only."""
        self._count += 1
        for name in self._histograms:
            if not outputs[name + _VALUES].size:
                continue  # an empty tensor has no range
            self._seen[name] += 1
            self._min[name] = min(self._min[name], float(outputs[name + _MIN]))
            self._max[name] = max(self._max[name], float(outputs[name + _MAX]))
            self._sums[name] += outputs[name + _MIN], outputs[name + _MAX]
            self._batches[name].append(outputs[name + _VALUES].ravel())
        if self._count % _HISTOGRAM_BATCH == 0:
            self._flush()
        for layer, name in self._patches.items():
            if name in outputs and outputs[name].size:
                self._moments[layer].update(layer.rows(outputs[name]))

    def _flush(self) -> None:
        for name, histogram in self._histograms.items():
            if self._batches[name]:
                histogram.update(np.concatenate(self._batches[name]))
                self._batches[name] = []

    def compute(self, fused: Mapping[str, str], held_out: Sequence[Feeds]) -> CalibrationStatistics:
        """The results; a tensor before a fused activation has the range of the one after it."""
        self._flush()
        pairs = {name: (low, self._max[name]) for name, low in self._min.items()}
        ranges = {name: pair for name, pair in pairs.items() if np.isfinite(pair).all()}
        ranges |= {before: ranges[after] for before, after in fused.items() if after in ranges}
        histograms = {name: self._histograms[fused.get(name, name)] for name in ranges}
        sums = {name: self._sums[fused.get(name, name)] / max(1, self._seen[fused.get(name, name)]) for name in ranges}
        mean_ranges = {name: (float(low), float(high)) for name, (low, high) in sums.items()}
        moments = {layer: moments for layer, moments in self._moments.items() if not moments.is_empty}
        for each in moments.values():
            each.flush()
        return CalibrationStatistics(ranges, histograms, moments, mean_ranges, held_out)


def _tensors_around(model: onnx.ModelProto, operators: Collection[str]) -> list[str]:
    """Names of the inputs and outputs of the operators, in order, without constants and fused tensors."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    fused = _fused_tensors(model)
    names = [
        name
        for node in model.graph.node
        if node.op_type in operators
        for name in (*node.input, *node.output)
        if name and name not in weights and name not in fused
    ]
    return list(dict.fromkeys(names))


def _fused_tensors(model: onnx.ModelProto) -> dict[str, str]:
    """Output of a layer -> output of the Relu or Clip after it, which the runtime computes in one step with it."""
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            users[name].append(node)
    outputs = {value.name for value in model.graph.output}
    fused = {}
    for node in model.graph.node:
        after = users[node.output[0]]
        if node.op_type in _LAYERS and len(after) == 1 and after[0].op_type in _ACTIVATIONS:
            fused[node.output[0]] = after[0].output[0]
    return {name: after for name, after in fused.items() if name not in outputs}


def _float_shapes(model: onnx.ModelProto, names: list[str], sample: Feeds) -> dict[str, tuple[int, ...]]:
    """Shapes of the float32 tensors, found by one run: few files state them in full."""
    inputs = {value.name for value in model.graph.input}
    made = [name for name in names if name not in inputs]
    predictor = MappedPredictor(with_outputs(model, made), threads=1)  # only its types are asked for
    float_tensors = predictor.float_tensors
    predictor.close()
    shapes = {name: sample[name].shape for name in inputs if name in names}
    shapes |= tensor_shapes(model, [name for name in made if name in float_tensors], sample)
    return {name: shapes[name] for name in names if name in float_tensors}


def _add_reductions(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Nodes that compute the minimum, the maximum and every n-th value of each tensor."""
    flat = numpy_helper.from_array(np.array([-1], np.int64), "__flat")
    model.graph.initializer.append(flat)
    for number, (name, shape) in enumerate(shapes.items()):
        for operator, suffix in (("ReduceMin", _MIN), ("ReduceMax", _MAX)):
            model.graph.node.append(helper.make_node(operator, [name], [name + suffix], keepdims=0))
        model.graph.node.append(helper.make_node("Reshape", [name, "__flat"], [f"__flat_{number}"]))
        # An odd stride meets every column of an image whose sides are powers of two.
        every = max(1, int(np.prod(shape)) // _VALUES_PER_SAMPLE) | 1
        parts = list(slice_nodes(f"__flat_{number}", name + _VALUES, every=[every]))
        add_parts(model.graph, parts, f"__slice_{number}")


def _reduce_early(graph: onnx.GraphProto, model: onnx.ModelProto) -> None:
    """Move each node that was added to a model behind the node that makes its tensor.

    There it runs next, and the tensor is freed: else many are kept until the end.

    Args:
        graph: is changed.
        model: as it was before.
    """
    own = {output for node in model.graph.node for output in node.output}
    origins: dict[str, str] = {}
    added: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    kept = []
    for node in list(graph.node):
        if set(node.output) <= own:
            kept.append(node)
            continue
        origin = origins.get(node.input[0], node.input[0])
        origins.update(dict.fromkeys(node.output, origin))
        added[origin].append(node)
    del graph.node[:]
    graph.node.extend(node for tensor, group in added.items() if tensor not in own for node in group)
    for node in kept:
        graph.node.append(node)
        graph.node.extend(reader for output in node.output for reader in added.get(output, ()))
