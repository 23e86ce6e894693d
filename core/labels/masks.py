"""The class of every pixel from mask pictures: called like the pictures, in a folder of their own or beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.errors import ImagesError
from core.common.text import say
from core.decoding import read_pixels
from core.labels.base import Labels, describe, place_and_classes
from core.labels.class_names import names_near
from core.labels.outlines import turned
from core.labels.picture_size import CoordinateMap, picture_size
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.tasks.predictions import MaskTruth

MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")
"""Lossless formats: others would change class numbers."""

_FOLDERS = (
    "masks",
    "SegmentationClass",
    "SegmentationClassAug",
    "annotations",
    "labels",
    "gt",
    "ann_dir",
    "ground_truth",
)
_FOLDER_NAMES = frozenset(name.lower() for name in (*_FOLDERS, "SegmentationObject"))
_ENDINGS = ("_mask", "_label")
_IGNORED = 255
_PEEKED = 20
_MOST_COLORS = 256  # a coloured mask has fewer, a photograph more
_LOOKED_AT = 3


def without_masks(folder: Path, files: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are no masks of others among them.

    A mask is called like another picture, and ``_mask`` or ``_label`` follows in its name, or it lies in a folder for
    masks; photographs in a folder of such a name stay.

    Args:
        folder: the folder of pictures.
        files: all pictures below it.
    """
    apart = {path for path in files if _in_mask_folder(path, folder)}
    stems = {path.stem for path in files if path not in apart}
    masks = {path for path in files if path.suffix.lower() in MASK_SUFFIXES and _main_stem(path.stem) in stems}
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in apart:
        if path.suffix.lower() in MASK_SUFFIXES and path.stem in stems:
            by_folder[path.parent].append(path)
    for found in by_folder.values():
        if all(_looks_like_mask(path) for path in sorted(found)[:_LOOKED_AT]):
            masks.update(found)
    return tuple(path for path in files if path not in masks)


def find_masks(places: Places, pictures: Pictures) -> Labels | None:
    """Masks of the pictures; each is read when it is asked for.

    255 stands for pixels that do not count, except where all masks hold only 0 and 255, which then are 0 and 1.
    """
    files = {picture: path for picture in pictures.files if (path := _mask_file(picture, places)) is not None}
    if not files:
        return None
    names = names_near(places, files.values())
    problems = Problems()
    problems.note("no-label", places.base, len(pictures.files) - len(files))
    parts = place_and_classes(places.said(next(iter(files.values())).parent), names)
    return Labels(
        "masks",
        describe(say("classes of the pixels"), len(files), len(pictures.files), *parts),
        frozenset(files),
        _MaskReader(files, _are_binary(list(files.values())), problems).truth,
        class_names=names,
        noted=problems,
    )


@dataclass(frozen=True, eq=False)
class _MaskReader:
    files: Mapping[Path, Path]
    are_binary: bool
    problems: Problems

    def truth(self, picture: Path) -> MaskTruth | None:
        """The classes of the pixels of the upright picture."""
        size, pixels = picture_size(picture), _pixels(self.files[picture])
        if size is None or pixels is None:
            self.problems.note("unreadable-file" if size is None else "colored-mask", picture)
            return None
        way = size.way_from((pixels.shape[1], pixels.shape[0]))
        if way is None:
            self.problems.note("other-size", picture)
            return None
        if self.are_binary:
            classes = (pixels == _IGNORED).astype(np.int32)
        else:
            classes = np.where(pixels == _IGNORED, np.int32(-1), pixels)
        return MaskTruth(_fitted(classes, way, (size.width, size.height)))


def _fitted(classes: NDArray[np.int32], way: CoordinateMap, size: tuple[int, int]) -> NDArray[np.int32]:
    if classes.shape == size[::-1] and way.orientation == 1:
        return classes
    image = turned(Image.fromarray(classes, "I"), way.orientation)
    return np.asarray(image.resize(size, Image.Resampling.NEAREST), np.int32)


def _mask_file(picture: Path, places: Places) -> Path | None:
    apart = [picture.stem, *(picture.stem + ending for ending in _ENDINGS)]
    for files in places.beside(picture, _FOLDERS):
        if found := _first(files, apart):
            return found
    return _first(places.files(places.directory(picture)), apart[1:])


def _first(files: Mapping[str, Path], stems: Iterable[str]) -> Path | None:
    names = (stem + suffix for stem in stems for suffix in MASK_SUFFIXES)
    return next((files[name] for name in names if name in files), None)


def _in_mask_folder(path: Path, folder: Path) -> bool:
    return any(name.lower() in _FOLDER_NAMES for name in path.relative_to(folder).parts[:-1])


def _main_stem(stem: str) -> str | None:
    """``dog`` for ``dog_mask``."""
    return next((stem[: -len(ending)] for ending in _ENDINGS if stem.lower().endswith(ending)), None)


def _are_binary(paths: Sequence[Path]) -> bool:
    values: set[int] = set()
    for path in paths[:: max(1, len(paths) // _PEEKED)][:_PEEKED]:
        pixels = _pixels(path)
        values |= set() if pixels is None else set(np.unique(pixels).tolist())
    return values in ({0, _IGNORED}, {_IGNORED})


def _pixels(path: Path) -> NDArray[np.int32] | None:
    """The class numbers of a mask; None where it is coloured, damaged or too large."""
    try:
        pixels = np.asarray(read_pixels(path))
    except ImagesError:
        return None
    if pixels.ndim == 3:
        colors = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1]
        if not (colors == colors[:, :, :1]).all():
            return None
        pixels = colors[:, :, 0]
    return pixels.astype(np.int32)


def _looks_like_mask(path: Path) -> bool:
    """Whether a picture has one channel or few colours."""
    try:
        image = read_pixels(path)
    except ImagesError:
        return True
    return len(image.getbands()) < 3 or image.getcolors(_MOST_COLORS) is not None
