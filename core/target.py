"""What a target is, seen from outside: an id, file names, needs, and one way to make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from core.text import Text

if TYPE_CHECKING:
    from core.outcome import Artifact
    from core.progress import Progress
    from core.source import Source
    from core.workshop import Workshop

TargetId = Literal["onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn", "ncnn_fp16", "ncnn_quan"]

TARGET_IDS: tuple[TargetId, ...] = get_args(TargetId)
"""All ids, in the order in which targets are made and shown."""


class Target(Protocol):
    """One thing to make. Each lives in a file of its own in :mod:`core.targets`."""

    @property
    def id(self) -> TargetId:
        """The name that the command line and the job folder use."""

    @property
    def title(self) -> Text:
        """A short name for people."""

    @property
    def sentence(self) -> Text:
        """One plain sentence: what it is good for and what it costs."""

    @property
    def needs_images(self) -> bool:
        """Whether pictures are needed to make it."""

    @property
    def least_cosine(self) -> float:
        """How close every output must be to the source's to be called converted."""

    def file_names(self, stem: str) -> tuple[str, ...]:
        """Names of its files for a source called ``stem``.onnx."""

    def check(self, source: Source) -> None:
        """Look whether it can be made at all, without trying.

        Raises:
            TargetRefused: it cannot; the reason and the next step are in the error.
        """

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Write its files into ``folder``.

        Raises:
            EdgePressError: it did not work; what lies in ``folder`` is thrown away.
        """
