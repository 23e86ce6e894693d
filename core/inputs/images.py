"""A folder of images: its files, their labels, and the split into calibration and test samples."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from core.common.errors import ImagesError
from core.common.foreign_files import content_hash
from core.common.paths import real_path
from core.common.pictures import MAX_BYTES
from core.common.text import Text, say
from core.decoding import read_picture
from core.inputs.object_crops import CropRule, count_crops
from core.labels.base import Labels
from core.labels.find import find_labels
from core.labels.masks import without_masks

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
"""File name endings of images."""

ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
"""File name endings of samples that are not images; :mod:`core.inputs.arrays` reads them."""

MAX_CALIBRATION_SAMPLES = 100
"""More calibration samples than this hardly change the ranges, and cost time."""

MAX_TEST_SAMPLES = 1000
"""More test samples than this hardly narrow the confidence intervals; they are spread evenly over the folder."""


@dataclass(frozen=True)
class ImageFolder:
    """The samples below a folder, in the order of their paths: images, or arrays where there is no image."""

    path: Path
    """The folder itself."""

    files: tuple[Path, ...]
    """Every image or array file, subfolders included."""

    labels: Labels | None = None
    """What is known of them, where anything is."""

    problems: tuple[Text, ...] = ()
    """The folders below it that cannot be opened."""

    @property
    def holds_images(self) -> bool:
        """Whether the samples are images."""
        return self.files[0].suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class Split:
    """Calibration and test samples, disjoint by content."""

    calibration: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    labels: Labels | None = None
    """Of the folder with the test samples, where there are any."""

    calibration_labels: Labels | None = None
    """Of the folder with the calibration samples, where they are needed to cut objects out."""

    crop: CropRule | None = None
    """Which labelled objects are samples of their own; None where each image is one."""

    calibration_crop: CropRule | None = None
    """The same of the calibration samples."""

    duplicates: int = 0
    """Files left out because another one has the same content."""

    @property
    def calibration_count(self) -> int:
        """Number of calibration samples, if every file can be read."""
        return _count(self.calibration, self.calibration_labels, self.calibration_crop)

    @property
    def test_count(self) -> int:
        """Number of test samples, likewise."""
        return _count(self.test, self.labels, self.crop)


@dataclass(frozen=True)
class SampleCounts:
    """Numbers of calibration and test samples."""

    calibration: int
    test: int

    @classmethod
    def of(cls, split: Split) -> SampleCounts:
        """Those of a split."""
        return cls(len(split.calibration), len(split.test))

    @classmethod
    def expected(cls, images: int, test_images: int | None = None) -> SampleCounts:
        """Those that :func:`split` gives for so many files, if no two have the same content.

        Args:
            images: number of files in the folder of images; 0 where there is none.
            test_images: number of files in the separate test folder, if there is one.
        """
        if test_images is not None:
            return cls(min(MAX_CALIBRATION_SAMPLES, images), min(MAX_TEST_SAMPLES, test_images))
        calibration = min(MAX_CALIBRATION_SAMPLES, (images + 1) // 2)
        return cls(calibration, min(MAX_TEST_SAMPLES, images - calibration))


@dataclass
class ImageReader:
    """Opens images one at a time, and records those that cannot be read."""

    skipped: dict[Path, str] = field(default_factory=dict)
    """Unreadable file -> the reason."""

    def read(self, files: Iterable[Path]) -> Iterator[tuple[Path, Image.Image]]:
        """Yield each readable image, as people see it; never more than one in memory."""
        for path in files:
            if path in self.skipped:
                continue  # it may have taken a minute the last time
            try:
                image = read_picture(path)
            except ImagesError as exc:
                self.skipped[path] = str(exc.reason)
            else:
                yield path, image


def _count(files: Sequence[Path], labels: Labels | None, crop: CropRule | None) -> int:
    return len(files) if labels is None or crop is None else count_crops(labels, files, crop)


def read_folder(folder: Path) -> ImageFolder:
    """List the images below a folder, or its .npy and .npz files where it has none, and find their labels.

    Masks that belong to other images are labels, and no samples.

    Raises:
        ImagesError: there is no such folder, it cannot be read, or it holds no sample; or its labels are damaged.
    """
    try:
        is_folder = folder.is_dir()
    except (OSError, ValueError) as exc:  # a folder above it cannot be opened; a loop of links; a name too long
        raise _unreadable(folder, exc) from exc
    if not is_folder:
        raise ImagesError(
            say('There is no folder "{folder}".', folder=folder),
            next_step=say("Check the path, or pick the folder again."),
        )
    unreadable: list[OSError] = []
    found = sorted(_walk(folder, unreadable))
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    files = without_masks(folder, pictures) or tuple(found)
    if not files and unreadable:
        raise _unreadable(Path(unreadable[0].filename or folder), unreadable[0])
    if not files:
        raise ImagesError(
            say('There are no pictures and no arrays in "{folder}".', folder=folder),
            next_step=say("Pick a folder with pictures (JPG, PNG, BMP, WEBP, TIFF) or with .npy or .npz files."),
        )
    problems = tuple(_cannot_be_opened(exc.filename or folder) for exc in unreadable)
    return ImageFolder(folder, files, find_labels(folder, files), problems)


def _unreadable(folder: Path, exc: Exception) -> ImagesError:
    return ImagesError(
        _cannot_be_opened(folder),
        next_step=say(
            "Get the permission to read it, check that its disk or network is there, or pick another folder."
        ),
        detail=str(exc),
    )


def _cannot_be_opened(folder: Path | str) -> Text:
    return say('The folder "{folder}" cannot be opened.', folder=folder)


def split(images: ImageFolder, test_images: ImageFolder | None = None) -> Split:
    """Split into calibration and test samples, of which no two have the same content.

    With one folder, up to half of it, spread evenly over the names, is for calibration and the rest for the test.
    With a separate test folder, test files with the content of a calibration file are left out.

    Args:
        images: the folder of samples.
        test_images: the separate test folder, if there is one.
    """
    if test_images is None or real_path(test_images.path) == real_path(images.path):
        return _split_one(images)
    calibration = _evenly_spaced(images.files, MAX_CALIBRATION_SAMPLES)
    seen = {_content_hash(path) for path in calibration}
    unseen = tuple(path for path in test_images.files if _content_hash(path) not in seen)
    test = _evenly_spaced(unseen, MAX_TEST_SAMPLES)
    return Split(calibration, test, test_images.labels, duplicates=len(test_images.files) - len(unseen))


def test_only(images: ImageFolder) -> Split:
    """Use all samples for the test and none for calibration."""
    test = _evenly_spaced(images.files, MAX_TEST_SAMPLES)
    return Split((), test, images.labels)


def _split_one(images: ImageFolder) -> Split:
    unique = {_content_hash(path): path for path in reversed(images.files)}
    files = tuple(sorted(unique.values()))
    calibration = _evenly_spaced(files, min(MAX_CALIBRATION_SAMPLES, (len(files) + 1) // 2))
    chosen = set(calibration)
    test = _evenly_spaced(tuple(path for path in files if path not in chosen), MAX_TEST_SAMPLES)
    return Split(calibration, test, images.labels, duplicates=len(images.files) - len(files))


def _evenly_spaced(files: Sequence[Path], count: int) -> tuple[Path, ...]:
    """``count`` files at even distances: classes often lie together in the order of names."""
    count = min(count, len(files))
    return tuple(files[index * len(files) // count] for index in range(count))


def _content_hash(path: Path) -> str:
    try:
        return content_hash(path, MAX_BYTES)
    except (OSError, ValueError):
        return str(path)  # unreadable: the reader skips and records it


def _walk(folder: Path, unreadable: list[OSError]) -> Iterator[Path]:
    """Not os.walk, which calls itself for each level. Links to folders are not followed: one may lead upwards."""
    folders = [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=_name)
        except OSError as exc:
            unreadable.append(exc)
            continue
        for entry in shown:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif Path(entry.name).suffix.lower() in SUFFIXES | ARRAY_SUFFIXES and not _is_folder_link(entry):
                yield Path(entry.path)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_folder_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle; the reader says that it cannot be read
        return False
