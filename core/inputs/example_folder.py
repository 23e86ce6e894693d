"""A quick look into a folder of examples: how many there are, which of them the model can take, and thumbnails."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps

from core.common.errors import ImagesError
from core.common.text import Text, say
from core.decoding import read_picture
from core.inputs.arrays import read_arrays
from core.inputs.images import ARRAY_SUFFIXES, ImageFolder, read_folder
from core.inputs.labels_for_task import labelled_objects
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing

THUMBNAILS = 8
"""How many pictures are shown."""

_MOST_TRIED = 100  # opening every file of a huge folder would keep the person waiting; the job reads them all
_THUMBNAIL = (144, 144)
_FRAME = (280, 280)


@dataclass(frozen=True)
class ExampleFolder:
    """What a folder of pictures or arrays holds for a model."""

    path: Path
    count: int
    """How many pictures or array files it holds."""

    holds_images: bool
    labels: Text | None
    """Which labels were found, and for how many pictures; None where there are none."""

    label_problems: tuple[Text, ...]
    """What was mended or left out of them."""

    tried: int
    """How many files were read as a trial, spread evenly over the folder."""

    problems: tuple[Text, ...]
    """One for each of those that cannot be read or does not fit, and for each folder below that cannot be opened."""

    inputs_without_array: tuple[str, ...]
    """Inputs of the model for which none of the array files has an array."""

    shown: tuple[Path, ...]
    """Some readable pictures."""

    thumbnails: tuple[bytes, ...]
    """Small square JPEGs of them."""


def look_into(folder: Path, source: Source) -> ExampleFolder:
    """Read a folder and try its files with the model.

    Raises:
        ImagesError: there is no such folder, or nothing in it that the model can take.
    """
    found = read_folder(folder)
    if found.holds_images and not source.takes_image:
        raise ImagesError(
            say(
                '"{name}" holds pictures, but this model does not take a picture as its one input.',
                name=found.path.name,
            ),
            next_step=say("Choose a folder with .npy or .npz files, one for each example."),
        )
    trial = _Trial(source)
    trial.run(found.files[:: max(1, -(-len(found.files) // _MOST_TRIED))])
    return _result(found, trial)


def cut_out_objects(folder: Path, preprocessing: Preprocessing, most: int) -> tuple[bytes, ...]:
    """Some of the labelled objects, cut out and brought to the model's size as the job will do it, as JPEGs.

    Args:
        folder: path of the examples.
        preprocessing: of the model.
        most: how many, at most.

    Returns:
        Empty where the labels show none.

    Raises:
        ImagesError: the folder cannot be read.
    """
    objects = labelled_objects(read_folder(folder), preprocessing.size)
    return tuple(_frame(crop, preprocessing) for crop in islice(objects, most))


def frames(files: Sequence[Path], preprocessing: Preprocessing) -> tuple[bytes, ...]:
    """Pictures as the model will see them, as JPEGs; those that cannot be read are left out."""
    made = []
    for path in files:
        try:
            made.append(_frame(read_picture(path), preprocessing))
        except ImagesError:
            continue  # removed in the meantime
    return tuple(made)


@dataclass
class _Trial:
    """Reads files, and gathers what came of it."""

    source: Source
    problems: list[ImagesError] = field(default_factory=list)
    inputs_with_array: set[str] = field(default_factory=set)
    """Inputs of the model for which a file has an array."""

    tried: int = 0
    pictures: dict[Path, bytes] = field(default_factory=dict)
    """Pictures to show, with their thumbnails."""

    def run(self, files: tuple[Path, ...]) -> None:
        """Read the files.

        Raises:
            ImagesError: none of them can be used.
        """
        to_show = set(files[:: max(1, len(files) // THUMBNAILS)][:THUMBNAILS])
        self.tried = len(files)
        for path in files:
            try:
                self._read(path, is_shown=path in to_show)
            except ImagesError as exc:
                self.problems.append(exc)
        if len(self.problems) == len(files):
            first = self.problems[0]
            raise ImagesError(
                say("None of the files in this folder can be used. {reason}", reason=first.reason),
                next_step=first.next_step,
                detail=first.detail,
            )

    def _read(self, path: Path, *, is_shown: bool) -> None:
        if path.suffix.lower() in ARRAY_SUFFIXES:
            self.inputs_with_array.update(read_arrays(path, self.source))
            return
        picture = read_picture(path)
        if is_shown:
            self.pictures[path] = _thumbnail(picture)


def _result(found: ImageFolder, trial: _Trial) -> ExampleFolder:
    names = () if found.holds_images else (tensor.name for tensor in trial.source.inputs)
    return ExampleFolder(
        path=found.path,
        count=len(found.files),
        holds_images=found.holds_images,
        labels=None if found.labels is None else found.labels.description,
        label_problems=() if found.labels is None else found.labels.problems,
        tried=trial.tried,
        problems=(*found.problems, *(problem.reason for problem in trial.problems)),
        inputs_without_array=tuple(name for name in names if name not in trial.inputs_with_array),
        shown=tuple(trial.pictures),
        thumbnails=tuple(trial.pictures.values()),
    )


def _frame(picture: Image.Image, preprocessing: Preprocessing) -> bytes:
    frame = preprocessing.frame(picture)
    frame.thumbnail(_FRAME)
    return _jpeg(frame)


def _thumbnail(picture: Image.Image) -> bytes:
    return _jpeg(ImageOps.fit(picture.convert("RGB"), _THUMBNAIL))


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
