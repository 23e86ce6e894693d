"""Finished files for the browser, sent from disk, so that a large model is never held in memory."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.common.paths import is_file

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Downloads:
    """Serves the files that a page offered, and no others, under addresses that nobody can guess."""

    def __init__(self, prefix: str = "") -> None:
        """Begin with nothing on offer; ``prefix`` is the app's ``server.baseUrlPath``."""
        self._prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
        self._secret = secrets.token_bytes(32)
        self._offers: dict[str, tuple[str, tuple[Path, ...]]] = {}

    def url(self, files: Sequence[Path], name: str) -> str:
        """Offer files, and give the address of the download.

        Args:
            files: one file, which is sent as it is, or several, which are packed together.
            name: what the browser calls it.
        """
        stamp = repr((name, [str(path.resolve()) for path in files]))
        key = hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:32]
        self._offers[key] = (name, tuple(files))
        return f"{self._prefix}/download/{key}"

    def routes(self) -> list[Route]:
        """What the web server needs, to be given to ``st.App``."""
        from starlette.routing import Route

        return [Route(self._prefix + "/download/{key}", self._send)]

    def _send(self, request: Request) -> Response:
        """Send them; no coroutine, so that packing runs in a thread beside the server's event loop."""
        from starlette.background import BackgroundTask
        from starlette.exceptions import HTTPException
        from starlette.responses import FileResponse

        name, files = self._offers.get(request.path_params["key"], ("", ()))
        if not files or not all(map(is_file, files)):
            raise HTTPException(404)
        media = "application/octet-stream"
        if len(files) == 1:
            return FileResponse(files[0], filename=name, media_type=media, headers=_HEADERS)
        packed = pack(files)
        clean_up = BackgroundTask(packed.unlink, missing_ok=True)
        return FileResponse(packed, filename=name, media_type="application/zip", headers=_HEADERS, background=clean_up)


def pack(files: Sequence[Path]) -> Path:
    """Pack files into a new temporary .zip; weights hardly get smaller, so they are not compressed.

    Raises:
        OSError: a file is gone, or the disk is full; nothing is left then.
    """
    with tempfile.NamedTemporaryFile(prefix="edgepress-", suffix=".zip", delete=False) as opened:
        path = Path(opened.name)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in files:
                archive.write(file, file.name)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path
