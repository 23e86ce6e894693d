"""One conversion as a person asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.preprocessing import Preprocessing
from core.target import TARGET_IDS, TargetId


@dataclass(frozen=True)
class Job:
    """One Source, its Images, its Preprocessing and its Targets."""

    source: Path
    targets: tuple[TargetId, ...]
    preprocessing: Preprocessing
    out: Path
    """Folder for the finished files."""

    images: Path | None = None
    """Example pictures; split into calibration and test pictures unless ``test_images`` is given."""

    test_images: Path | None = None

    inputs: Mapping[str, str] = field(default_factory=dict)
    """Inputs that are the same for every sample, as the person wrote them: a sampling rate, a state."""

    ncnn_tools: str = "own"
    """Who makes 8 bit for ncnn: ``own``, or ncnn's programs: ``official`` (on the PATH), a folder or a .zip file."""

    ncnn_calibration: str = "min-max"
    """How the ranges of 8 bit for ncnn are chosen: one of the names in :mod:`core.calibration.magnitudes`."""

    def to_json(self) -> dict[str, Any]:
        """As plain data; :meth:`from_json` is its inverse."""
        return {
            "source": str(self.source),
            "targets": list(self.targets),
            "preprocessing": self.preprocessing.to_json(),
            "out": str(self.out),
            "images": None if self.images is None else str(self.images),
            "test_images": None if self.test_images is None else str(self.test_images),
            "inputs": dict(self.inputs),
            "ncnn_tools": self.ncnn_tools,
            "ncnn_calibration": self.ncnn_calibration,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Read what :meth:`to_json` wrote."""
        return cls(
            source=Path(data["source"]),
            targets=in_order(data["targets"]),
            preprocessing=Preprocessing.from_json(data["preprocessing"]),
            out=Path(data["out"]),
            images=_path(data["images"]),
            test_images=_path(data["test_images"]),
            inputs=data.get("inputs", {}),
            ncnn_tools=str(data.get("ncnn_tools", "own")),
            ncnn_calibration=str(data.get("ncnn_calibration", "min-max")),
        )


def in_order(targets: object) -> tuple[TargetId, ...]:
    """The asked targets, each once, in the order in which they are made."""
    asked = set(targets) if isinstance(targets, (list, tuple, set, frozenset)) else set()
    return tuple(target for target in TARGET_IDS if target in asked)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
