"""What is told instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something that the person who runs the program can mend; its text says what and how."""
