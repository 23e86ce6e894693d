"""What the drawing of one graph is told: where the layers of the source lie in it, and in how many bits each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.job.comparison import LayerPrecision
from core.job.graph_links import GraphLinks
from core.report.finished_files import FinishedFile, finished_files
from core.report.schema import Report
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


def graph_guide(report: Report, file: FinishedFile | None) -> GraphGuide:
    """The guide through the graph of one file.

    Args:
        report: of the job.
        file: one of its files; None for the source.
    """
    links = report.links or GraphLinks()
    precisions = {} if file is None else {layer.name: layer.precision for layer in file.layers}
    # Reports of earlier versions have no links: then the layers that were measured in any file.
    elsewhere = [layer.name for one in finished_files(report) for layer in one.layers]
    names = dict.fromkeys([*links.layers, *precisions, *elsewhere])
    layers = tuple(GuidedLayer(name, links.layers.get(name, ()), precisions.get(name)) for name in names)
    is_ncnn = file is not None and target_by_id(file.target).format == NCNN
    return GraphGuide(layers, links.blobs if is_ncnn else None)
