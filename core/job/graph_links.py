"""How the layers of the source are found again in the graphs of the files that were made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GraphLinks:
    """One for all files of a job: ONNX files keep the names of tensors, and all ncnn files have the same blobs."""

    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of each layer that has weights, in the order of the graph -> its output in the source, and then the tensors
    that replace it behind a bias, a normalisation or an activation, of which other files may have the last one only.
    """

    blobs: Mapping[str, str] = field(default_factory=dict)
    """Tensor of the source -> blob of the ncnn files; empty without any, and where none was recognised."""
