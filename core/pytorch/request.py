"""What is asked of an export and what comes of it: the nouns that the command line, the page and the worker share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import OptionError
from core.preprocessing import Preprocessing
from core.text import Text, say

Task = Literal["mmcls", "mmdet", "mmpose"]
"""Which OpenMMLab package a config belongs to: classification, detection (and segmentation of objects), keypoints."""

TASKS: tuple[Task, ...] = get_args(Task)

OPSETS = range(11, 21)
"""Versions of ONNX that can be written."""

DEFAULT_OPSET = 17

LARGEST_DIFFERENCE = 1e-4
"""Most that an answer of the ONNX file may stray from torch's, as a share of the output's largest number."""

MOST_PIXELS = 16 * 2**20
"""Height times width; beyond it, running a model to compare its answers takes more memory than most computers have."""

_ALIASES: Mapping[str, Task] = {"mmpretrain": "mmcls", "mmclassification": "mmcls", "mmdetection": "mmdet"}


@dataclass(frozen=True)
class ExportRequest:
    """One export as a person asked for it."""

    checkpoint: Path
    """Of OpenMMLab; or, without a config, a TorchScript or torch.export file, or an Ultralytics checkpoint."""

    config: Path | None = None
    """The OpenMMLab config; a Python file, which is run in the worker."""

    task: Task | None = None
    """None: the config's own."""

    shape: tuple[int, int] | None = None
    """Height and width in pixels; None: as the config (or the file) says."""

    output: Path | None = None
    """The ONNX file to write; None: beside the checkpoint, with its name."""

    opset: int = DEFAULT_OPSET
    dynamic_batch: bool = False
    """Whether the model shall take any number of pictures at once."""

    trust_checkpoint: bool = False
    """Whether the person allows the checkpoint to run code while it is opened."""

    @property
    def target(self) -> Path:
        """The file that will be written."""
        return self.output or self.checkpoint.with_suffix(".onnx")

    def check(self) -> None:
        """Refuse what can be refused without PyTorch.

        Raises:
            OptionError: a file is missing, or an option cannot be used.
        """
        for path in (self.config, self.checkpoint):
            if path is not None and not path.is_file():
                raise OptionError(
                    say('There is no file "{path}".', path=path),
                    next_step=say("Check the path, or pick the file again."),
                )
        if self.opset not in OPSETS:
            raise OptionError(
                say("Version {opset} of ONNX (the opset) cannot be written.", opset=self.opset),
                next_step=say("Use one from {first} to {last}; 17 suits most tools.", first=OPSETS[0], last=OPSETS[-1]),
            )
        if self.shape is not None and not all(1 <= side <= 8192 for side in self.shape):
            raise OptionError(
                say("The shape {shape} cannot be used.", shape=shape_text(self.shape)),
                next_step=say("Give height and width in pixels, for example 128,96; one number stands for a square."),
            )
        self._check_pixels()
        self._check_target()

    def _check_pixels(self) -> None:
        if self.shape is not None and self.shape[0] * self.shape[1] > MOST_PIXELS:
            raise OptionError(
                say(
                    "Pictures of {shape} (height,width) are too large: more than {most} million pixels.",
                    shape=shape_text(self.shape),
                    most=MOST_PIXELS // 2**20,
                ),
                next_step=say("Give a smaller height and width; most models take 100 to 1500 pixels a side."),
            )

    def _check_target(self) -> None:
        if self.target.is_dir():
            raise OptionError(
                say('The output "{path}" is a folder.', path=self.target),
                next_step=say("Name another output file, ending in .onnx."),
            )
        if self.target.resolve() in {path.resolve() for path in (self.config, self.checkpoint) if path is not None}:
            raise OptionError(
                say("The output is the input itself, and inputs are never written to."),
                next_step=say("Name another output file, ending in .onnx."),
            )

    def to_json(self) -> dict[str, Any]:
        """As plain data with absolute paths; :meth:`from_json` is its inverse."""
        return {
            "checkpoint": str(self.checkpoint.absolute()),
            "config": None if self.config is None else str(self.config.absolute()),
            "task": self.task,
            "shape": None if self.shape is None else list(self.shape),
            "output": str(self.target.absolute()),
            "opset": self.opset,
            "dynamic_batch": self.dynamic_batch,
            "trust_checkpoint": self.trust_checkpoint,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExportRequest:
        """Read what :meth:`to_json` wrote."""
        return cls(
            checkpoint=Path(data["checkpoint"]),
            config=None if data["config"] is None else Path(data["config"]),
            task=data["task"],
            shape=_pair(data["shape"]),
            output=Path(data["output"]),
            opset=int(data["opset"]),
            dynamic_batch=bool(data["dynamic_batch"]),
            trust_checkpoint=bool(data["trust_checkpoint"]),
        )


@dataclass(frozen=True)
class Tensor:
    """An input or an output of the file that was written."""

    name: str
    shape: tuple[int | str, ...]
    """A size, or ``batch`` where any number of pictures may go."""


@dataclass(frozen=True)
class Check:
    """How far the ONNX file strays from torch."""

    on: Literal["random", "pictures"]
    """What was fed: noise, or the bundled example pictures."""

    samples: int
    output: str
    difference: float
    """Largest difference of a number from torch's, as a share of that output's largest number."""


@dataclass(frozen=True)
class Exported:
    """A file that was written, and that answers like torch."""

    path: Path
    kind: str
    """Where it came from: one of :data:`TASKS`, or ``torchscript``, ``torch.export``, ``ultralytics``."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    opset: int
    size_bytes: int
    preprocessing: Preprocessing | None
    """As the config says; also in the file's metadata, where Convert finds it. None where nothing is known."""

    classes: tuple[str, ...]
    """Names of the classes, also in the file's metadata; empty where nothing is known."""

    checks: tuple[Check, ...]
    notes: tuple[Text, ...]
    """What else to know, for the person."""

    @property
    def difference(self) -> float:
        """The largest of all checks."""
        return max((check.difference for check in self.checks), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """As plain data; :meth:`from_json` is its inverse."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "inputs": [{"name": tensor.name, "shape": list(tensor.shape)} for tensor in self.inputs],
            "outputs": [{"name": tensor.name, "shape": list(tensor.shape)} for tensor in self.outputs],
            "opset": self.opset,
            "size_bytes": self.size_bytes,
            "preprocessing": None if self.preprocessing is None else self.preprocessing.to_json(),
            "classes": list(self.classes),
            "checks": [vars(check) for check in self.checks],
            "difference": self.difference,
            "notes": [note.to_json() for note in self.notes],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exported:
        """Read what :meth:`to_json` wrote."""
        return cls(
            path=Path(data["path"]),
            kind=data["kind"],
            inputs=tuple(Tensor(entry["name"], tuple(entry["shape"])) for entry in data["inputs"]),
            outputs=tuple(Tensor(entry["name"], tuple(entry["shape"])) for entry in data["outputs"]),
            opset=int(data["opset"]),
            size_bytes=int(data["size_bytes"]),
            preprocessing=_preprocessing(data["preprocessing"]),
            classes=tuple(data["classes"]),
            checks=tuple(Check(**entry) for entry in data["checks"]),
            notes=tuple(Text.from_json(note) for note in data["notes"]),
        )


@dataclass(frozen=True)
class Description:
    """What a config says of its model, found out by building it; no checkpoint is needed."""

    task: Task
    model: str
    """The class of the model, such as ``TopdownPoseEstimator``."""

    shape: tuple[int, int]
    """Height and width to propose."""

    preprocessing: Preprocessing
    classes: tuple[str, ...]
    parameters: int
    """How many numbers the weights hold."""

    obstacle: Text | None
    """Why it cannot be exported; None where it can."""

    notes: tuple[Text, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data; :meth:`from_json` is its inverse."""
        return {
            "task": self.task,
            "model": self.model,
            "shape": list(self.shape),
            "preprocessing": self.preprocessing.to_json(),
            "classes": list(self.classes),
            "parameters": self.parameters,
            "obstacle": None if self.obstacle is None else self.obstacle.to_json(),
            "notes": [note.to_json() for note in self.notes],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Description:
        """Read what :meth:`to_json` wrote."""
        return cls(
            task=data["task"],
            model=data["model"],
            shape=(int(data["shape"][0]), int(data["shape"][1])),
            preprocessing=Preprocessing.from_json(data["preprocessing"]),
            classes=tuple(data["classes"]),
            parameters=int(data["parameters"]),
            obstacle=None if data["obstacle"] is None else Text.from_json(data["obstacle"]),
            notes=tuple(Text.from_json(note) for note in data["notes"]),
        )


def task_from_name(name: str) -> Task:
    """The task that a person means: ``mmpretrain`` is the newer name of ``mmcls``.

    Raises:
        OptionError: there is no such task.
    """
    if name in TASKS:
        return name
    if name in _ALIASES:
        return _ALIASES[name]
    raise OptionError(
        say('"{name}" is not a task that can be exported.', name=name),
        next_step=say("Choose one of: {choices}.", choices=", ".join(TASKS)),
    )


def shape_from_text(text: str) -> tuple[int, int]:
    """Height and width from ``128,96``; ``112`` is a square.

    Raises:
        OptionError: it is something else.
    """
    try:
        numbers = [int(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise OptionError(
            say("The shape {shape} cannot be used.", shape=text),
            next_step=say("Give height and width in pixels, for example 128,96; one number stands for a square."),
        )
    return numbers[0], numbers[-1]


def shape_text(shape: tuple[int, int]) -> str:
    """As it is written on the command line, height first."""
    return f"{shape[0]},{shape[1]}"


def _pair(numbers: Any) -> tuple[int, int] | None:
    return None if numbers is None else (int(numbers[0]), int(numbers[1]))


def _preprocessing(data: Any) -> Preprocessing | None:
    return None if data is None else Preprocessing.from_json(data)
