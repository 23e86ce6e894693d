"""A folder of pictures: what is in it, what the pictures show, and which serve for what."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps

from core.common.errors import ImagesError
from core.common.text import say

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
"""File name endings that are read as pictures."""

ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
"""File name endings of samples that are no pictures; :mod:`core.inputs.arrays` reads them."""

MAX_CALIBRATION_SAMPLES = 100
"""More calibration pictures than this change the ranges hardly and cost time."""

MAX_TEST_SAMPLES = 1000
"""More test pictures than this make the figures hardly surer; they are spread evenly over the folder."""

_MOST_PIXELS = 100_000_000  # a small file can claim a picture that fills the memory
_LABELS_FILE = "labels.csv"


@dataclass(frozen=True)
class ImageFolder:
    """The samples below a folder, in the order of their names: pictures, or arrays where there is no picture."""

    path: Path
    """The folder that the person picked."""

    files: tuple[Path, ...]
    """Every picture or array file, subfolders included."""

    labels: Mapping[Path, str] = field(default_factory=dict)
    """What a picture shows, as written by the person: a class number or a class name."""

    @property
    def holds_pictures(self) -> bool:
        """Whether the samples are pictures."""
        return self.files[0].suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class Split:
    """Which pictures teach the ranges and which ones judge the result; never the same ones."""

    calibration: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    labels: Mapping[Path, str] = field(default_factory=dict)
    """Labels of the test pictures, where known."""

    duplicates: int = 0
    """Pictures left out of the test because the calibration has the same one."""


@dataclass(frozen=True)
class SampleCounts:
    """How many samples calibrate, and how many test."""

    calibration: int
    test: int

    @classmethod
    def of(cls, split: Split) -> SampleCounts:
        """Of a split that is known."""
        return cls(len(split.calibration), len(split.test))

    @classmethod
    def expected(cls, images: int, test_images: int | None = None) -> SampleCounts:
        """What :func:`split` will make of folders with so many files, as far as no two files are the same.

        Args:
            images: files in the folder with examples; 0 where there is none.
            test_images: files in the folder with test samples of its own, if there is one.
        """
        if test_images is not None:
            return cls(min(MAX_CALIBRATION_SAMPLES, images), min(MAX_TEST_SAMPLES, test_images))
        calibration = min(MAX_CALIBRATION_SAMPLES, (images + 1) // 2)
        return cls(calibration, min(MAX_TEST_SAMPLES, images - calibration))


@dataclass
class ImageReader:
    """Opens pictures one at a time, and keeps count of those that cannot be read."""

    skipped: dict[Path, str] = field(default_factory=dict)
    """Unreadable picture -> what was wrong with it."""

    def read(self, files: Iterable[Path]) -> Iterator[tuple[Path, Image.Image]]:
        """Yield each readable picture, upright; never more than one in memory."""
        for path in files:
            try:
                picture = open_image(path)
            except ImagesError as exc:
                self.skipped[path] = str(exc.reason)
            else:
                yield path, picture


def open_image(path: Path) -> Image.Image:
    """Decode one picture and turn it upright.

    Raises:
        ImagesError: it is no picture, it is damaged, or it is far too large.
    """
    try:
        with Image.open(path) as lazy:
            if lazy.width * lazy.height > _MOST_PIXELS:
                raise ValueError(f"{lazy.width} x {lazy.height} pixels")
            lazy.load()
            return ImageOps.exif_transpose(lazy)
    # Pillow's decoders raise whatever their format's parser meets: SyntaxError, struct.error, MemoryError, ...
    except Exception as exc:
        raise ImagesError(
            say('The picture "{name}" cannot be read.', name=path.name),
            next_step=say("Open it in a picture viewer: it may be damaged or no picture at all."),
            detail=repr(exc),
        ) from exc


def read_folder(folder: Path) -> ImageFolder:
    """List the pictures below a folder, or its .npy and .npz files where it has none, and find their labels.

    Labels come from a ``labels.csv`` (columns ``file`` and ``label``) in the folder, or else from
    its subfolders, when every picture lies in one.

    Raises:
        ImagesError: there is no such folder, it cannot be read, or it holds no picture.
    """
    if not folder.is_dir():
        raise ImagesError(
            say('There is no folder "{folder}".', folder=folder),
            next_step=say("Check the path, or pick the folder again."),
        )
    found = sorted(_walk(folder))
    files = tuple(path for path in found if path.suffix.lower() in SUFFIXES) or tuple(found)
    if not files:
        raise ImagesError(
            say('There are no pictures and no arrays in "{folder}".', folder=folder),
            next_step=say("Pick a folder with pictures (JPG, PNG, BMP, WEBP, TIFF) or with .npy or .npz files."),
        )
    labels = _labels_from_csv(folder) or _labels_from_subfolders(folder, files)
    return ImageFolder(folder, files, {path: labels[path] for path in files if path in labels})


def split(images: ImageFolder, test_images: ImageFolder | None = None) -> Split:
    """Choose calibration and test pictures that share none.

    With one folder, up to half of it, spread evenly over the names, calibrates and the rest tests.
    With a test folder of its own, only pictures with the same content are taken out of the test.
    """
    if test_images is None or test_images.path.resolve() == images.path.resolve():
        return _split_one(images)
    calibration = _spread(images.files, MAX_CALIBRATION_SAMPLES)
    seen = {_fingerprint(path) for path in calibration}
    unseen = tuple(path for path in test_images.files if _fingerprint(path) not in seen)
    test = _spread(unseen, MAX_TEST_SAMPLES)
    return Split(calibration, test, _known(test_images, test), duplicates=len(test_images.files) - len(unseen))


def test_only(images: ImageFolder) -> Split:
    """Use all pictures for the test and none for calibration."""
    test = _spread(images.files, MAX_TEST_SAMPLES)
    return Split((), test, _known(images, test))


def _split_one(images: ImageFolder) -> Split:
    unique = {_fingerprint(path): path for path in reversed(images.files)}
    files = tuple(sorted(unique.values()))
    calibration = _spread(files, min(MAX_CALIBRATION_SAMPLES, (len(files) + 1) // 2))
    chosen = set(calibration)
    test = _spread(tuple(path for path in files if path not in chosen), MAX_TEST_SAMPLES)
    return Split(calibration, test, _known(images, test), duplicates=len(images.files) - len(files))


def _known(images: ImageFolder, files: Sequence[Path]) -> dict[Path, str]:
    return {path: images.labels[path] for path in files if path in images.labels}


def _spread(files: Sequence[Path], count: int) -> tuple[Path, ...]:
    """``count`` files at even distances: classes often lie together in the order of names."""
    count = min(count, len(files))
    return tuple(files[index * len(files) // count] for index in range(count))


def _fingerprint(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(path)  # unreadable: the reader will skip it and say so


def _walk(folder: Path) -> Iterator[Path]:
    # os.walk does not follow links to folders, so a link back to a parent cannot trap it.
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES | ARRAY_SUFFIXES and not name.startswith("."):
                yield Path(parent) / name


def _labels_from_csv(folder: Path) -> dict[Path, str]:
    path = folder / _LABELS_FILE
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return {folder / row["file"].strip(): row["label"].strip() for row in csv.DictReader(lines)}
    except (KeyError, AttributeError, UnicodeDecodeError, csv.Error, OSError) as exc:
        raise ImagesError(
            say('The labels in "{path}" cannot be read.', path=path),
            next_step=say("Write two columns with the headings file and label, saved as UTF-8, or remove the file."),
            detail=repr(exc),
        ) from exc


def _labels_from_subfolders(folder: Path, files: Sequence[Path]) -> dict[Path, str]:
    if any(path.parent == folder for path in files):
        return {}
    labels = {path: path.relative_to(folder).parts[0] for path in files}
    return labels if len(set(labels.values())) > 1 else {}
