"""What a browser is told with every answer: where the page may load from, and who may embed or read it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import streamlit

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

HEADERS = {
    b"x-frame-options": b"SAMEORIGIN",  # the graphs are embedded by the app's own pages
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    # A cookie is shared between all ports of a computer, these are not: a page on another port is another origin.
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
"""Sent with every answer, beside :func:`content_policy`."""


def content_policy(host: str) -> bytes:
    """The Content-Security-Policy of an answer: nothing from outside, and no script but Streamlit's own.

    Args:
        host: name and port by which the browser knows the app; older browsers do not count its WebSocket to 'self'.
    """
    return (
        f"default-src 'self'; script-src 'self' {_script_hashes()}; "
        # Streamlit's components style themselves by style elements that they write.
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        f"connect-src 'self' ws://{host} wss://{host}; worker-src 'self' blob:; frame-src 'self'; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ).encode("latin-1")


@cache
def _script_hashes() -> str:
    """The scripts that stand in Streamlit's page itself, whichever version is installed."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()
    digests = (hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
