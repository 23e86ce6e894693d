"""A lock between processes that the operating system releases when its holder dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    _HELD: type[OSError] = OSError  # any error of a lock that another process holds

    def _try_lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        # Closing unlocks as well, but "when resources allow".
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    _HELD: type[OSError] = BlockingIOError

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


class FileLock:
    """An exclusive lock on a file; a file left behind by a dead process locks nothing."""

    def __init__(self, path: Path, *, is_required: bool = True) -> None:
        """Prepare it.

        Args:
            path: the lock file; it is made when first needed, and stays.
            is_required: whether a file system without locks (some network folders) counts as a lock that is held;
                else it counts as a free one.
        """
        self._path = path
        self._is_required = is_required
        self._handle: int | None = None

    @property
    def handle(self) -> int | None:
        """The open lock file, None while the lock is not held; a child process that inherits it holds the lock on."""
        return self._handle

    def acquire(self) -> bool:
        """Acquire it if it is free, without waiting.

        Raises:
            OSError: the lock file cannot be made.
        """
        if self._handle is not None:
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _try_lock(handle)
        except OSError as exc:
            if self._is_required or isinstance(exc, _HELD):
                os.close(handle)
                return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Release it, if it is held."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with suppress(OSError):
                _unlock(handle)
            os.close(handle)
