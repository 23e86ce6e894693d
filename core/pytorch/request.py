"""Request and result of an export: data that the command line, the page and the worker share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from core.common.errors import OptionError
from core.common.text import Text, say
from core.preprocessing import Preprocessing

OpenMMLabTask = Literal["mmcls", "mmdet", "mmpose"]
"""Which OpenMMLab package a config belongs to: classification, detection (and segmentation of objects), keypoints."""

TASKS: tuple[OpenMMLabTask, ...] = get_args(OpenMMLabTask)

OPSETS = range(11, 21)
"""Versions of ONNX that can be written."""

DEFAULT_OPSET = 17

MAX_RELATIVE_DIFFERENCE = 1e-4
"""Largest allowed difference between the ONNX file and PyTorch: of any value, over the output's absolute maximum."""

MAX_PIXELS = 16 * 2**20
"""Height times width; beyond it, running a model to verify it takes more memory than most computers have."""

_ALIASES: Mapping[str, OpenMMLabTask] = {"mmpretrain": "mmcls", "mmclassification": "mmcls", "mmdetection": "mmdet"}


@dataclass(frozen=True)
class ExportRequest:
    """One export as a person asked for it."""

    checkpoint: Path
    """Of OpenMMLab; or, without a config, a TorchScript or torch.export file, or an Ultralytics checkpoint."""

    config: Path | None = None
    """The OpenMMLab config; a Python file, which is run in the worker."""

    task: OpenMMLabTask | None = None
    """None: the config's own."""

    shape: tuple[int, int] | None = None
    """Height and width in pixels; None: as the config (or the file) says."""

    output: Path | None = None
    """The ONNX file to write; None: beside the checkpoint, with its name."""

    opset: int = DEFAULT_OPSET
    dynamic_batch: bool = False
    """Whether the batch axis is left open."""

    trust_checkpoint: bool = False
    """Whether the person allows the checkpoint to run code while it is opened; and its config."""

    trust_config: bool = False
    """Whether the person allows the config alone to run code; those of the packages need no question."""

    @property
    def target(self) -> Path:
        """The file that will be written."""
        return self.output or self.checkpoint.with_suffix(".onnx")

    def absolute(self) -> ExportRequest:
        """The same request with absolute paths, since a worker starts in another folder, and its output filled in."""
        return replace(
            self,
            checkpoint=self.checkpoint.absolute(),
            config=None if self.config is None else self.config.absolute(),
            output=self.target.absolute(),
        )

    def check(self) -> None:
        """Refuse what can be refused without PyTorch.

        Raises:
            OptionError: a file is missing, or an option cannot be used.
        """
        for path in (self.config, self.checkpoint):
            if path is not None:
                check_file(path)
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
        if self.shape is not None and self.shape[0] * self.shape[1] > MAX_PIXELS:
            raise OptionError(
                say(
                    "Pictures of {shape} (height,width) are too large: more than {most} million pixels.",
                    shape=shape_text(self.shape),
                    most=MAX_PIXELS // 2**20,
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


@dataclass(frozen=True)
class ExportedTensor:
    """An input or an output of the file that was written."""

    name: str
    shape: tuple[int | str, ...]
    """Sizes; ``batch`` where any number of images is allowed."""


@dataclass(frozen=True)
class OutputCheck:
    """The difference between the ONNX file and PyTorch in one output, on one kind of input."""

    on: Literal["random", "pictures"]
    """The input: uniform noise, or the bundled example pictures."""

    samples: int
    output: str
    difference: float
    """Largest difference of any value, over the absolute maximum of that output in PyTorch."""


@dataclass(frozen=True)
class Exported:
    """A file that was written, and verified against PyTorch."""

    path: Path
    kind: str
    """What was exported: one of :data:`TASKS`, or ``torchscript``, ``torch.export``, ``ultralytics``."""

    inputs: tuple[ExportedTensor, ...]
    outputs: tuple[ExportedTensor, ...]
    opset: int
    size_bytes: int
    preprocessing: Preprocessing | None
    """From the config; also in the file's metadata, from which Convert reads it. None where it is unknown."""

    classes: tuple[str, ...]
    """Names of the classes, also in the file's metadata; empty where they are unknown."""

    checks: tuple[OutputCheck, ...]
    notes: tuple[Text, ...]
    """For the person: what differs from the config, what was left out."""

    @property
    def difference(self) -> float:
        """The largest of all checks."""
        return max((check.difference for check in self.checks), default=0.0)


@dataclass(frozen=True)
class Description:
    """The model of a config, found out by building it; no checkpoint is needed."""

    task: OpenMMLabTask
    model: str
    """The class of the model, such as ``TopdownPoseEstimator``."""

    shape: tuple[int, int]
    """Height and width to propose."""

    preprocessing: Preprocessing
    classes: tuple[str, ...]
    parameters: int
    """Number of weights."""

    obstacle: Text | None
    """Why it cannot be exported; None where it can."""

    notes: tuple[Text, ...]


def check_file(path: Path) -> None:
    """Refuse a file that is not there.

    Raises:
        OptionError: there is no such file.
    """
    if not path.is_file():
        raise OptionError(
            say('There is no file "{path}".', path=path), next_step=say("Check the path, or pick the file again.")
        )


def task_from_name(name: str) -> OpenMMLabTask:
    """The task of that name; ``mmpretrain`` is the newer name of ``mmcls``.

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
