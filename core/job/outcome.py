"""What became of each target: Converted, Refused or Failed, with everything that is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from core.common.text import Text
from core.job.comparison import Comparison
from core.job.target_id import TargetId
from core.onnx_model.source import TensorInfo


@dataclass(frozen=True)
class PostProcessing:
    """The end of the source that an ncnn model leaves out: what picks the boxes from the tensors that it gives."""

    outputs: tuple[TensorInfo, ...]
    """The tensors that the file gives in place of some of the source's outputs, with the source's names and shapes."""

    operators: tuple[str, ...]
    """The operators in it that ncnn has nothing for."""

    model: Path | None = None
    """It as an ONNX file, which reads ``outputs`` and gives the source's; there while the job is at work."""


@dataclass(frozen=True)
class Artifact:
    """A finished file, or the .param and .bin of one ncnn model."""

    target: TargetId
    files: tuple[Path, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Input name of the source -> blob name in the ncnn model; empty for ONNX, which keeps the names."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output name of the source -> blob name in the ncnn model, in the source's order; where it is cut before its
    post-processing, the names of the tensors there."""

    notes: tuple[Text, ...] = ()
    """What was changed or kept, and why."""

    cut: PostProcessing | None = None
    """What the file leaves out, if it does."""

    integer_inputs: tuple[str, ...] = ()
    """Inputs of the source that an ncnn model takes as 32-bit integers; it takes all others as 32-bit floats."""

    sensitivity: Mapping[str, float] = field(default_factory=dict)
    """Tensor of the prepared source -> noise ratio with its layer alone in 8 bit, where that was measured."""

    variants: tuple[Artifact, ...] = ()
    """Further files of the target, which may take its place: smaller, or closer to the source."""

    @property
    def size_bytes(self) -> int:
        """All its files together."""
        return sum(path.stat().st_size for path in self.files)


@dataclass(frozen=True)
class Variant:
    """One of the files of a target between which the person may choose; it lies in the job's folder."""

    number: int
    """As in :func:`core.job.target_id.file_id`."""

    artifact: Artifact
    comparison: Comparison
    size_bytes: int


@dataclass(frozen=True)
class Converted:
    """Made, evaluated and published, or staged for that."""

    artifact: Artifact
    comparison: Comparison
    seconds: float
    size_bytes: int
    """Of all its files together."""

    variants: tuple[Variant, ...] = ()
    """Itself first, then those that may take its place; empty where there are none."""


@dataclass(frozen=True)
class Refused:
    """Not tried, because it cannot work."""

    target: TargetId
    reason: Text
    next_step: Text


@dataclass(frozen=True)
class Failed:
    """Tried, and it did not work; no file of it is left."""

    target: TargetId
    reason: Text
    next_step: Text
    detail: str = ""
    seconds: float = 0.0


Outcome: TypeAlias = Converted | Refused | Failed
