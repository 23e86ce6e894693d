"""Speak on a console whose language and encoding nobody chose: the reader's language, and never a crash."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from core.common.errors import EdgePressError
from core.common.text import Language, Text, say


def system_language(environ: Mapping[str, str] = os.environ) -> Language:
    """The language that this computer's owner reads.

    Args:
        environ: environment variables; ``EDGEPRESS_LANGUAGE`` (``en`` or ``zh``) overrules the system's.

    Returns:
        ``zh`` on a Chinese system, else ``en``.
    """
    names = ("EDGEPRESS_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environ[name] for name in names if environ.get(name)), "")
    if not chosen and _windows_speaks_chinese():
        return "zh"
    return "zh" if chosen.lower().startswith("zh") else "en"


class Console:
    """One place to write to, in one language."""

    def __init__(self, stream: TextIO | None = None, language: Language | None = None) -> None:
        self._stream = stream or sys.stdout
        wanted = language or system_language()
        self.language: Language = wanted if wanted == "en" or _can_show("中文", self._stream) else "en"

    def tell(self, text: Text, *, indent: int = 0) -> None:
        """Write one sentence on a line of its own, at once."""
        self.write(" " * indent + text.in_language(self.language))

    def explain(self, error: EdgePressError) -> None:
        """Write what went wrong, what to do next, and the technical detail below."""
        self.tell(error.reason)
        self.tell(error.next_step)
        if error.detail:
            self.tell(say("Technical detail:"))
            self.write(error.detail)

    def write(self, line: str) -> None:
        """Write ``line`` as it is; what the console cannot show becomes a question mark."""
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()


def _can_show(sample: str, stream: TextIO) -> bool:
    try:
        sample.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _windows_speaks_chinese() -> bool:
    """Windows says its language through a call, not through environment variables."""
    if sys.platform != "win32":
        return False
    import ctypes

    primary_language = ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF
    return bool(primary_language == 0x04)  # LANG_CHINESE in winnt.h
