"""One conversion as a person asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.preflight_result import PreflightResult
from core.job.target_id import TargetId
from core.job.task_name import TaskName
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing


@dataclass(frozen=True)
class Job:
    """One source with its samples, preprocessing and targets, and what was found out when the job was set up."""

    source: Path
    targets: tuple[TargetId, ...]
    """In the order in which they are made."""

    preprocessing: Preprocessing
    out: Path
    """Folder for the finished files."""

    images: Path | None = None
    """Example images or arrays; split into calibration and test samples unless ``test_images`` is given."""

    test_images: Path | None = None

    inputs: Mapping[str, str] = field(default_factory=dict)
    """Inputs that are the same for every sample, as the person wrote them: a sampling rate, a state."""

    task: TaskName | None = None
    """What the model is for; None: it is recognised."""

    score: float | None = None
    """Least score of an object, a point or a decision, 0 to 1; None: the task's own."""

    class_names: tuple[str, ...] = ()
    """By index, where the person gave them."""

    ncnn_tools: str = "own"
    """Who makes 8 bit for ncnn: ``own``, or ncnn's programs: ``official`` (on the PATH), a folder or a .zip file."""

    ncnn_calibration: str = "min-max"
    """How activation ranges are chosen for 8 bit in ncnn: a method of :mod:`core.quantization.observers.abs_max`."""

    change: AllowedChange = DEFAULT_CHANGE
    """How much the answers may change."""

    keep: float | None = None
    """Share of the answers that must stay, 0 to 1, if the person gave one; None: what ``change`` means for the task."""

    dequantize: bool = False
    """Whether a source that is quantised already is turned back into 32 bit first."""

    model: Source | None = None
    """The source as it was inspected; None: the runner inspects it."""

    preflight: tuple[PreflightResult, ...] = ()
    """One for each target; empty: the runner checks them."""

    @property
    def inspected(self) -> Source | None:
        """The inspected source, if there is one, it is to be treated so, and the file has not changed since."""
        if self.model is None or not self.model.is_current or self.model.dequantize != self.dequantize:
            return None
        return self.model

    @property
    def takes_image(self) -> bool:
        """Whether the model takes pictures; where it has not been inspected, it is taken to."""
        return self.model is None or self.model.takes_image

    def absolute(self) -> Job:
        """The same job, whatever folder a worker starts in."""
        return replace(
            self,
            source=self.source.absolute(),
            out=self.out.absolute(),
            images=None if self.images is None else self.images.absolute(),
            test_images=None if self.test_images is None else self.test_images.absolute(),
            model=None if self.model is None else replace(self.model, path=self.source.absolute()),
        )
