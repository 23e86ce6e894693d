"""The error of every layer of the new files against the source's, in the order of the graph.

Each layer is compared in the tensor behind its bias and activation, with which runtimes compute it in one step. The
source runs beside one file after another, group of layers by group of layers, so that memory grows neither with the
model nor with the number of files. What it gives is kept for the next file as far as a fixed amount of memory allows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import onnx

from core.conversion.context import ConversionContext
from core.job.comparison import LayerDifference, LayerPrecision
from core.job.outcome import Artifact
from core.job.target_id import FileId
from core.metrics.similarity import SimilarityMetric
from core.onnx_model.weighted_layers import WeightedLayer, weighted_layers
from core.runtimes.inner_tensors import in_groups, tensor_sizes, with_outputs
from core.runtimes.mapped import MappedPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor
from core.targets.base import Target
from core.targets.layer_reader import LayerReader, TensorRun

_SECONDS = 20.0
"""Time for all files of a job; layers that are not reached by then are left out."""

_GROUP_BYTES = 40 << 20
"""Memory for the tensors of one group of layers, for each of the two models that are compared."""

_CHUNK = 1 << 20
"""Values that are compared at once, in 64 bit."""

_LEAST_SQNR_DB = -100.0
"""Stands for an error that is not finite: an infinite SQNR means no error."""


def measure_layers(
    artifacts: Mapping[FileId, tuple[Target, Artifact]],
    context: ConversionContext,
    *,
    seconds: float = _SECONDS,
    group_bytes: int = _GROUP_BYTES,
) -> dict[FileId, tuple[LayerDifference, ...]]:
    """Compare the layers of all files with the source's on the reference samples.

    Args:
        artifacts: the new files with their targets.
        context: gives the clean source, the samples and the names of ncnn's blobs.
        seconds: time after which it stops; the first group of layers is measured on one sample in any case.
        group_bytes: memory for the tensors of one group, for each model that is run, and for those of the source that
            are kept for the next file.

    Returns:
        One entry for each file; empty where all its layers are in 32 bit or something went wrong, since figures on
        layers must not cost a file.
    """
    measured: dict[FileId, tuple[LayerDifference, ...]] = dict.fromkeys(artifacts, ())
    deadline = time.monotonic() + seconds
    try:
        source = context.prepared.clean.read()
        layers = weighted_layers(source)
        opened = (_open(name, *one, context, layers) for name, one in artifacts.items())
        files = [file for file in opened if file is not None]
        if files:
            samples = [feeds for feeds, _ in context.references]
            _measure(files, source, samples, layers, deadline=deadline, group_bytes=group_bytes)
        measured.update({file.id: tuple(file.differences(layers)) for file in files})
    except Exception:  # noqa: BLE001 - see above
        return measured
    return measured


@dataclass
class _File:
    """One file that is compared; it drops out where it fails."""

    id: FileId
    reader: LayerReader
    tensors: Mapping[str, str]
    """Name of a layer -> the tensor in which it is compared."""

    precisions: Mapping[str, LayerPrecision]
    shares: Mapping[str, float]
    """Tensor -> the share that its layer has of the noise that all cause, each one alone in 8 bit."""

    metrics: dict[str, SimilarityMetric] = field(default_factory=dict)
    """Tensor -> its error so far."""

    failed: bool = False

    def compare(self, run: TensorRun, feeds: Feeds, expected: Mapping[str, Tensor]) -> None:
        """Add one sample."""
        for name, values in run.run(feeds):
            if values.size == expected[name].size:
                _update(
                    self.metrics.setdefault(name, SimilarityMetric(name, finds_scores=False)), expected[name], values
                )

    def differences(self, layers: Sequence[WeightedLayer]) -> Iterator[LayerDifference]:
        """Of the layers that were reached; of none if it failed."""
        for layer in layers:
            metric = self.metrics.get(self.tensors.get(layer.name, ""))
            if metric is not None and not self.failed:
                found = metric.compute()
                yield LayerDifference(
                    layer.name,
                    layer.operator,
                    self.precisions[layer.name],
                    found.sqnr_db if found.sqnr_db > -np.inf else _LEAST_SQNR_DB,
                    found.cosine,
                    layer.weights,
                    next((self.shares[name] for name in layer.tensors if name in self.shares), None),
                )


def _open(
    name: FileId, target: Target, artifact: Artifact, context: ConversionContext, layers: Sequence[WeightedLayer]
) -> _File | None:
    """None where it cannot be looked into, or no layer of it is in 8 or 16 bit."""
    try:
        reader = target.layer_reader(artifact, context)
        found = {layer: next(filter(reader.has, reversed(layer.tensors)), None) for layer in layers}
        tensors = {layer.name: tensor for layer, tensor in found.items() if tensor is not None}
        precisions = {
            layer.name: reader.precision(layer, tensor) for layer, tensor in found.items() if tensor is not None
        }
    except Exception:  # noqa: BLE001 - a file that cannot be looked into must not cost the others their figures
        return None
    is_reduced = any(precision != "float" for precision in precisions.values())
    return _File(name, reader, tensors, precisions, _shares(artifact.sensitivity)) if is_reduced else None


def _shares(noise: Mapping[str, float]) -> dict[str, float]:
    """Of those that are finite."""
    finite = {tensor: ratio for tensor, ratio in noise.items() if np.isfinite(ratio)}
    total = sum(finite.values())
    return {tensor: ratio / total for tensor, ratio in finite.items()} if total > 0.0 else {}


def _measure(
    files: Sequence[_File],
    source: onnx.ModelProto,
    samples: Sequence[Feeds],
    layers: Sequence[WeightedLayer],
    *,
    deadline: float,
    group_bytes: int,
) -> None:
    wanted = {tensor for file in files for tensor in file.tensors.values()}
    names = list(dict.fromkeys(name for layer in layers for name in layer.tensors if name in wanted))
    for number, group in enumerate(in_groups(names, tensor_sizes(source, names, samples[0]), group_bytes)):
        if number and time.monotonic() > deadline:
            return
        with closing(MappedPredictor(with_outputs(source, group), threads=1)) as predictor:
            expected = _SourceTensors(predictor, samples, group_bytes)
            for file in files:
                _compare_group(file, group, expected, samples, deadline=deadline, least=0 if number else 1)


class _SourceTensors:
    """Those of one group in the source, sample by sample; the first ones are kept for the next file.

    Args:
        source: gives the group's tensors.
        samples: on which it runs.
        room: for what is kept, in bytes; 0 runs the source for each file.
    """

    def __init__(self, source: OnnxPredictor, samples: Sequence[Feeds], room: int) -> None:
        self._source = source
        self._samples = samples
        self._room = room
        self._kept: dict[int, Mapping[str, Tensor]] = {}

    def of(self, number: int) -> Mapping[str, Tensor]:
        """The tensors on one sample."""
        if number in self._kept:
            return self._kept[number]
        tensors = self._source.run(self._samples[number])
        size = sum(tensor.nbytes for tensor in tensors.values())
        if size <= self._room:
            self._room -= size
            self._kept[number] = tensors
        return tensors


def _compare_group(
    file: _File,
    group: Sequence[str],
    source: _SourceTensors,
    samples: Sequence[Feeds],
    *,
    deadline: float,
    least: int,
) -> None:
    """As many samples as there is time for, and at least that many."""
    run = _load(file, group)
    if run is None:
        return
    with closing(run):
        for number, feeds in enumerate(samples):
            if file.failed or (number >= least and time.monotonic() > deadline):
                return
            expected = source.of(number)
            try:
                file.compare(run, feeds, expected)
            except Exception:  # noqa: BLE001 - likewise
                file.failed = True


def _load(file: _File, group: Sequence[str]) -> TensorRun | None:
    """The part of the file for this group; None where it has nothing of it, or has failed."""
    names = [name for name in group if name in set(file.tensors.values())]
    if not names or file.failed:
        return None
    try:
        return file.reader.open(names)
    except Exception:  # noqa: BLE001 - likewise
        file.failed = True
        return None


def _update(metric: SimilarityMetric, source: Tensor, other: Tensor) -> None:
    """Add a pair of tensors chunk by chunk, since the metric computes in 64 bit."""
    flat, other_flat = source.reshape(-1), other.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        metric.update(flat[start : start + _CHUNK], other_flat[start : start + _CHUNK])
