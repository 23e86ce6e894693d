"""What the helper process opens in place of a new file, by the name of this module."""

from __future__ import annotations

import ctypes


def open_crashing(*_args, **_keywords):
    ctypes.string_at(0)
