"""Where label files may lie: below the folder of pictures, or near it in the usual layouts of data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.common.paths import real_path

PICTURE_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "img_dir", "jpegimages", "jpgimages", "pictures", "photos", "leftimg8bit"}
)
"""Usual names of folders that hold the pictures of a data set, in small letters."""

SPLIT_FOLDERS: Mapping[str, str] = {
    name + year: split
    for split, names in {
        "train": ("train", "training"),
        "val": ("val", "valid", "validation"),
        "test": ("test", "testing"),
    }.items()
    for name in names
    for year in ("", "2007", "2012", "2014", "2017")
}
"""Usual names of folders with a part of a data set, in small letters -> which part."""

_LEVELS_ABOVE = 2
_MOST_LEVELS = 10  # next to a picture, and next to the folder that the person gave


class Places:
    """Lists directories in and near a folder of pictures, each once; links that lead away are not followed.

    Args:
        folder: the folder of pictures that the person gave.
    """

    def __init__(self, folder: Path) -> None:
        self._given = folder
        self.base = real_path(folder)
        self._listings: dict[Path, Mapping[str, Path]] = {}
        self._beside: dict[tuple[Path, Sequence[str]], Sequence[Mapping[str, Path]]] = {}

    @property
    def upwards(self) -> Sequence[Path]:
        """The folder and at most two above it, nearest first; never the root of a disk."""
        above = [self.base, *self.base.parents][: _LEVELS_ABOVE + 1]
        return [path for path in above if path.parent != path]

    def directory(self, picture: Path) -> Path:
        """The directory of a picture."""
        return self.base / picture.relative_to(self._given).parent

    def files(self, directory: Path) -> Mapping[str, Path]:
        """Name -> file, of all files directly in a directory; empty where there is no such directory."""
        if directory not in self._listings:
            self._listings[directory] = self._list(directory)
        return self._listings[directory]

    def said(self, directory: Path) -> str:
        """A directory for people: ``labels/`` for all below it."""
        root = next((root for root in self.upwards if directory.is_relative_to(root)), directory)
        return next(iter(directory.relative_to(root).parts), directory.name) + "/"

    def beside(self, picture: Path, names: Sequence[str]) -> Sequence[Mapping[str, Path]]:
        """The files of all directories that may hold the label of a picture, the likeliest first.

        Those are directories called ``names`` at, beside or above the picture's own one, with the same path below
        them: ``labels/val`` for ``images/val``.

        Args:
            picture: as in the folder's list.
            names: of directories for labels.
        """
        directory = self.directory(picture)
        key = (directory, names)
        if key not in self._beside:
            candidates = dict.fromkeys(self._candidates(directory, names))
            self._beside[key] = [files for path in candidates if (files := self.files(path))]
        return self._beside[key]

    def _candidates(self, directory: Path, names: Sequence[str]) -> Iterator[Path]:
        for ancestor in self._ancestors(directory):
            rest = directory.relative_to(ancestor).parts
            for name in names:
                # images/val -> labels/val; beside the picture's own directory whatever its name is.
                if rest and (rest[0].lower() in PICTURE_FOLDERS or len(rest) == 1):
                    yield ancestor.joinpath(name, *rest[1:])
                yield ancestor.joinpath(name, *rest)

    def _ancestors(self, directory: Path) -> Sequence[Path]:
        """The directory and those above it, as far as labels may lie there; of very many the first and the last."""
        top = self.upwards[-1] if self.upwards else self.base
        found = [path for path in (directory, *directory.parents) if path.is_relative_to(top)]
        return found if len(found) <= 2 * _MOST_LEVELS else [*found[:_MOST_LEVELS], *found[-_MOST_LEVELS:]]

    def _list(self, directory: Path) -> Mapping[str, Path]:
        found: dict[str, Path] = {}
        try:
            if not self._stays_inside(directory):
                return {}
            with os.scandir(directory) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if (not entry.is_symlink() or self._stays_inside(path)) and entry.is_file():
                        found[entry.name] = path
        except OSError:
            return found
        return dict(sorted(found.items()))

    def _stays_inside(self, path: Path) -> bool:
        """Whether a path, with its links followed, stays in the nearest of the folder and those above that holds it."""
        root = next((root for root in self.upwards if path.is_relative_to(root)), None)
        return root is not None and real_path(path).is_relative_to(root)
