"""What the drawing of one graph is told: where the layers of the source lie in it, and in how many bits each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.job.comparison import LayerPrecision
from core.job.graph_links import GraphLinks
from core.job.target_id import TargetId
from core.report.schema import LayerEntry, OutcomeEntry, Report
from core.targets import target_by_id
from core.targets.ncnn_target import NCNN


@dataclass(frozen=True)
class GuidedLayer:
    """One layer of the source."""

    name: str
    tensors: tuple[str, ...] = ()
    """In which its result can be seen, as in :class:`core.job.graph_links.GraphLinks`; empty where that is unknown."""

    precision: LayerPrecision | None = None
    """In this file; None for the source, and where it was not measured."""


@dataclass(frozen=True)
class GraphGuide:
    """The layers of one graph, in the order of the source."""

    layers: tuple[GuidedLayer, ...]
    blobs: Mapping[str, str] | None = None
    """Tensor of the source -> blob; None for ONNX files, which have the source's own names."""

    @property
    def knows_blobs(self) -> bool:
        """Whether the layers can be found: not those of an ncnn file of which no blob was recognised."""
        return self.blobs is None or bool(self.blobs)


def graph_guide(report: Report, target: TargetId | None) -> GraphGuide:
    """The guide through the graph of one file.

    Args:
        report: of the job.
        target: of the file; None for the source.
    """
    links = report.links or GraphLinks()
    outcome = next((one for one in report.converted if one.target == target), None)
    measured = {} if outcome is None else {layer.name: layer for layer in measured_layers(outcome)}
    names = dict.fromkeys([*links.layers, *measured, *_names_elsewhere(report)])
    layers = tuple(
        GuidedLayer(name, links.layers.get(name, ()), measured[name].precision if name in measured else None)
        for name in names
    )
    is_ncnn = target is not None and target_by_id(target).format == NCNN
    return GraphGuide(layers, links.blobs if is_ncnn else None)


def measured_layers(outcome: OutcomeEntry) -> tuple[LayerEntry, ...]:
    """The layers of a file of which the error was measured."""
    return () if outcome.comparison is None else outcome.comparison.layers


def _names_elsewhere(report: Report) -> list[str]:
    """Reports of earlier versions have no links: then the layers that were measured in any file."""
    return [layer.name for outcome in report.converted for layer in measured_layers(outcome)]
