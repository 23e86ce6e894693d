"""What a path may be, decided by its text alone: before anything touches the disk, or another computer.

Windows signs in, with the person's name and password hash, to any computer that a path names, even to ask whether the
file exists (CVE-2026-33682, CVE-2026-48818). And what is absolute differs by system and Python version: for Windows
``/windows/win.ini`` is not since Python 3.13, and still leaves the folder that it is joined to (CVE-2026-28414).
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from core.common.errors import OptionError
from core.common.text import say

_TWO_SLASHES = re.compile(r"[\\/]{2}")
_LONG_LOCAL = re.compile(r"[\\/]{2}\?[\\/][A-Za-z]:([\\/]|$)")


def is_network_path(path: str, *, system: str = os.name) -> bool:
    r"""Whether Windows would ask another computer, or a device, for it: ``\\host\share``, ``\\?\UNC\host``.

    Args:
        path: as somebody wrote it, with slashes of either kind.
        system: as :data:`os.name` has it; only Windows (``nt``) knows such paths.
    """
    return system == "nt" and bool(_TWO_SLASHES.match(path.lstrip())) and not _LONG_LOCAL.match(path.lstrip())


def check_local(path: str | Path, *, system: str = os.name) -> None:
    """Refuse a network path.

    Raises:
        OptionError: it is one; nothing was asked of the network.
    """
    if is_network_path(str(path), system=system):
        raise OptionError(
            say('"{path}" is on another computer, to which Windows would send your sign-in.', path=path),
            next_step=say("In Windows, connect that folder as a drive with a letter, then choose it there."),
        )


def stays_inside(location: str, *, system: str = os.name) -> bool:
    """Whether a path that a file of a stranger holds is relative and leads into the folder that it is joined to.

    It must do so as Windows reads it and as other systems do, since nobody knows where the file was made. Links are not
    followed: that takes a second look, at the disk.

    Args:
        location: the path.
        system: as above; on Windows a colon names a drive, or another stream of a file.
    """
    windows, posix = PureWindowsPath(location), PurePosixPath(location)
    if not location or "\0" in location or windows.drive or windows.root or posix.root:
        return False
    if system == "nt" and ":" in location:
        return False
    return _never_leaves(windows.parts) and _never_leaves(posix.parts)


def _never_leaves(parts: tuple[str, ...]) -> bool:
    depth = 0
    for part in parts:
        # Windows leaves spaces and dots at the end of a name away.
        depth += -1 if part.rstrip(" ") == ".." else 1
        if depth < 0:
            return False
    return bool(parts)
