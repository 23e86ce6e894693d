"""Which files of a program's templates a model needs: some that are named, and whatever these import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def needed_files(folder: Path, first: Iterable[str], imports: Callable[[str, Path], Iterable[str]]) -> tuple[str, ...]:
    """The files and what they import, relative to the folder, sorted.

    Args:
        folder: with the templates.
        first: files that are wanted in any case, relative to it.
        imports: gives, for the relative name of a file and its path, what it imports, relative to the folder. What is
            not in there, such as the headers of a library, is left out.
    """
    wanted, found = list(first), set[str]()
    while wanted:
        name = wanted.pop()
        path = folder / name
        if name not in found and path.is_file():
            found.add(name)
            wanted += imports(name, path)
    return tuple(sorted(found))
