"""Which picture of a folder a name in a label file means."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from core.common.paths import real_path
from core.labels.places import PICTURE_FOLDERS, SPLIT_FOLDERS
from core.labels.problems import Problems


class Pictures:
    """The pictures of a folder by name; names only choose among them, so nothing else is ever opened.

    Args:
        folder: the folder of pictures.
        files: its pictures.
    """

    def __init__(self, folder: Path, files: Sequence[Path]) -> None:
        self.folder = folder
        self.files = tuple(files)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in files:
            self._by_name[path.name].append(path)
        above = real_path(folder).parts[-2:]
        self.split = splits(above if above[-1].lower() in PICTURE_FOLDERS else above[-1:])
        """Part of its data set, train, val or test, by the name of the folder: none or one."""

    def __contains__(self, path: Path) -> bool:
        return path in self._by_name.get(path.name, ())

    def find(self, name: str, problems: Problems, place: Path | str) -> Path | None:
        """The picture that a label file calls ``name``, with or without directories.

        Args:
            name: as it is written there.
            problems: where it is noted that there is none, or that there are several.
            place: where the name is written.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        candidates = (
            [path for path in self._by_name.get(parts[-1], ()) if self._same_split(path, parts)] if parts else []
        )
        if len(candidates) > 1:
            longest = max(_shared(path, parts) for path in candidates)
            candidates = [path for path in candidates if _shared(path, parts) == longest]
        if len(candidates) == 1:
            return candidates[0]
        problems.note("ambiguous-picture" if candidates else "missing-picture", f"{place}: {name}"[:500])
        return None

    def _same_split(self, path: Path, parts: Sequence[str]) -> bool:
        """False for ``val/1.jpg`` where ``train/1.jpg`` is meant: data sets number their parts alike."""
        meant = splits(parts[:-1])
        there = self.split | splits(path.relative_to(self.folder).parts[:-1])
        return not meant or not there or bool(meant & there)


def splits(names: Sequence[str]) -> frozenset[str]:
    """Parts of a data set that the names of folders say: train, val, test."""
    return frozenset(SPLIT_FOLDERS[name.lower()] for name in names if name.lower() in SPLIT_FOLDERS)


def words_of(path: Path) -> Sequence[str]:
    """The words of a file's name without its ending: ``instances``, ``val2017``."""
    return re.split(r"[-_. ]", path.stem)


def _shared(path: Path, parts: Sequence[str]) -> int:
    """How many of the last parts of both paths are the same."""
    count = 0
    for one, other in zip(reversed(path.parts), reversed(parts), strict=False):
        if one != other:
            break
        count += 1
    return count
