"""Print to a console of any encoding in the reader's language, without UnicodeEncodeError."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from core.common.errors import EdgePressError
from core.common.text import LANGUAGES, Language, Text, language_of, say, visible


def system_language(environ: Mapping[str, str] = os.environ) -> Language:
    """The language of this computer's user interface.

    Args:
        environ: environment variables; ``EDGEPRESS_LANGUAGE`` (such as ``zh``) overrides the system's.

    Returns:
        One of :data:`LANGUAGES`; English where the system's is none of them.
    """
    names = ("EDGEPRESS_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environ[name] for name in names if environ.get(name)), "") or _windows_locale()
    return language_of(chosen) or "en"


class Console:
    """Prints to a stream, in one language.

    Args:
        stream: standard output unless given.
        language: the system's unless given; English where the stream's encoding lacks the language's own name.
    """

    def __init__(self, stream: TextIO | None = None, language: Language | None = None) -> None:
        self._stream = stream or sys.stdout
        preferred = language or system_language()
        self.language: Language = preferred if _can_encode(LANGUAGES[preferred], self._stream) else "en"

    def print(self, text: Text, *, indent: int = 0) -> None:
        """Print one sentence on a line of its own, and flush."""
        self.write(" " * indent + text.in_language(self.language))

    def error(self, error: EdgePressError) -> None:
        """Print what went wrong, the next step and the technical detail."""
        self.print(error.reason)
        self.print(error.next_step)
        if error.detail:
            self.print(say("Technical detail:"))
            self.write(error.detail)

    def write(self, line: str) -> None:
        """Print a line; question marks stand for what the encoding lacks, and escapes for orders to the terminal."""
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(visible(line).encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()


def _can_encode(sample: str, stream: TextIO) -> bool:
    try:
        sample.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _windows_locale() -> str:
    """The locale of the Windows user interface, which no environment variable holds; empty elsewhere."""
    if sys.platform != "win32":
        return ""
    import ctypes

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
