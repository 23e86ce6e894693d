"""Confine this process where the system offers it: no network, files written in its own folders only, limits.

The first two are Linux's, need no rights and no packages, and bind the calling thread and what it starts later: they
must come before the first library that starts threads is imported. Where the kernel refuses, nothing happens.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all processors
_ABI_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_REFER = 1 << 13
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/shm")


def leave_network() -> bool:
    """Move into a network of its own, in which there is nothing; whether the kernel allowed it."""
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.getuid(), os.getgid()
    # As root, a user namespace of its own would take away the right to read other people's files.
    flags = _NEW_NETWORK if user == 0 else _NEW_USER | _NEW_NETWORK
    if _libc().unshare(flags) != 0:
        return False
    if flags & _NEW_USER:
        with suppress(OSError):  # then the process is nobody, and may do the same
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True


def write_only_in(folders: Sequence[Path]) -> bool:
    """Let the process write, make and delete files in some folders only; whether the kernel allowed it (Landlock).

    Args:
        folders: those that exist; reading is not restricted.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = _libc()
    version = libc.syscall(_CREATE_RULESET, None, 0, _ABI_VERSION)
    if version < 1:
        return False
    files = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    rights = files | _MAKE_AND_REMOVE | (_REFER if version >= 2 else 0)
    attributes = struct.pack("=Q", rights)
    rules = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        for path in (*map(str, folders), *_DEVICES):
            _allow(libc, rules, path, rights if os.path.isdir(path) else files)  # noqa: PTH112 - as the kernel sees it
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


@contextmanager
def limited(*, more_bytes: int, seconds: float) -> Iterator[None]:
    """Limit what a block of code takes; on Linux the memory, and wherever there are such signals the time.

    Args:
        more_bytes: beyond what the process has now.
        seconds: of the whole block; the main thread's.

    Raises:
        MemoryError: it asked for more.
        TimeoutError: it took longer, found out between two steps of Python.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    limits = resource.getrlimit(resource.RLIMIT_DATA)
    before = signal.signal(signal.SIGALRM, _raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with suppress(ValueError, OSError):  # there is a lower limit already
            if sys.platform.startswith("linux"):
                more = psutil.Process().memory_info().data + more_bytes
                resource.setrlimit(resource.RLIMIT_DATA, (more, limits[1]))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def _raise_timeout(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # there is no such device here
        return
    try:
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
