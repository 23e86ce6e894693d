"""One model, one embedded Netron view, served from the app's own port and without a word to the outside.

Netron's own server shows one model per process, serves the model's whole folder, looks up the
person's country, reports what is opened, and refuses to open half a year after its release. Its
pages do none of that when they are served from here: see :func:`view_page`.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from core.common.errors import SourceError, ToolError
from core.common.text import say

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

Theme = Literal["light", "dark"]

_MEDIA_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_POLICY = (
    "default-src 'self'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; worker-src 'self'; frame-src 'none'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# "packaged" pages (any other version) send statistics; version 0.0.0 is Netron's own mark for "not packaged".
_VERSION = '<meta name="version" content="0.0.0">'


class NetronViews:
    """The models that may be looked at, each under an address that cannot be guessed."""

    def __init__(self, prefix: str = "") -> None:
        """Begin with no model; ``prefix`` is the server's base path, such as ``/tools``."""
        self._prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._secret = secrets.token_bytes(32)
        self._files: dict[str, Mapping[str, Path]] = {}

    def url(self, model: Path, theme: Theme) -> str:
        """Allow a model to be looked at, and give the address for a frame.

        The address stays the same until the file changes, so a redrawn page keeps its frame.

        Args:
            model: an .onnx file, or the .param file of an ncnn model whose .bin lies beside it.
            theme: the colours of the page around the frame.

        Raises:
            SourceError: there is no such file, or it is no model of these two kinds.
        """
        files = _files_of(model)
        stamp = repr([(str(path.resolve()), *_age(path)) for path in files.values()])
        key = hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:32]
        self._files[key] = files
        return f"{self._prefix}/netron/{theme}/{key}/"

    def routes(self) -> list[Route]:
        """What the web server needs, to be given to ``st.App``."""
        from starlette.routing import Route

        base = self._prefix + "/netron/{theme}/{key}/"
        return [
            Route(base, self._page),
            Route(base + "data/{name}", self._model),
            Route(base + "{name}", self._static),
        ]

    async def _page(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        theme, files = self._seek(request)
        page = HTMLResponse(view_page(next(iter(files)), theme), headers=_HEADERS)
        # Without this cookie Netron asks an outside service for the country, and then the person for consent.
        page.set_cookie("consent", "1", path=request.url.path, samesite="strict")
        return page

    async def _model(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import FileResponse

        path = self._seek(request)[1].get(request.path_params["name"])
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="application/octet-stream", headers=_HEADERS)

    async def _static(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import FileResponse, Response

        theme, _ = self._seek(request)
        path = _static_files().get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        media_type = _MEDIA_TYPES[path.suffix]
        if path.suffix == ".css":
            return Response(_colours(path.read_text(encoding="utf-8"), theme), headers=_HEADERS, media_type=media_type)
        # Netron's own files may be kept by the browser, unlike the person's models.
        headers = {**_HEADERS, "Cache-Control": "private, max-age=86400"}
        return FileResponse(path, media_type=media_type, headers=headers)

    def _seek(self, request: Request) -> tuple[Theme, Mapping[str, Path]]:
        from starlette.exceptions import HTTPException

        theme, files = request.path_params["theme"], self._files.get(request.path_params["key"])
        if files is None or theme not in get_args(Theme):
            raise HTTPException(404)
        return theme, files


def view_page(name: str, theme: Theme) -> str:
    """Netron's page, changed so that it opens one model at once and speaks to nobody else.

    Args:
        name: file name under which the page fetches the model from its own folder ``data``.
        theme: light or dark, whatever the system prefers.

    Raises:
        ToolError: Netron is not installed, or is another one than this was made for.
    """
    path = _package() / "index.html"
    page, count = re.subn(r'<meta name="version" content="[^"]*">', _VERSION, path.read_text(encoding="utf-8"))
    # The page refuses to open half a year after this date.
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    page, dates = re.subn(
        r'<meta name="date" content="[^"]*">',
        f'<meta name="date" content="{today}">\n<meta name="file" content="data/{html.escape(name)}">',
        page,
    )
    page, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # a header says more
    if not (count == dates == policies == 1):
        raise _unknown_netron(f"version {count}, date {dates}, policy {policies} in {path}")
    # A view of somebody's own model offers no way out of the app.
    return _colours(re.sub(r'href="https?://[^"]*"', 'href="#"', page), theme)


def _colours(text: str, theme: Theme) -> str:
    """Let the app choose the colours instead of the system."""
    return text.replace("(prefers-color-scheme: dark)", "all" if theme == "dark" else "not all")


def _files_of(model: Path) -> dict[str, Path]:
    """What the page may fetch: name in the address -> file, the model itself first.

    The names are plain ones, because Netron does not escape what it asks for.
    """
    suffix = model.suffix.lower()
    if suffix not in (".onnx", ".param") or not model.is_file():
        raise SourceError(
            say('"{name}" cannot be shown as a graph.', name=model.name),
            next_step=say("Pick an .onnx file, or the .param file of an ncnn model."),
        )
    files = {f"model{suffix}": model.absolute()}
    weights = model.with_suffix(".bin")
    if suffix == ".param" and weights.is_file():
        files["model.bin"] = weights.absolute()
    return files


def _age(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@cache
def _static_files() -> Mapping[str, Path]:
    """Everything of Netron that may be fetched; a name that is not here leads nowhere, dots and slashes included."""
    return {path.name: path for path in _package().iterdir() if path.suffix in _MEDIA_TYPES and path.is_file()}


@cache
def _package() -> Path:
    found = find_spec("netron")  # not imported: its server is not needed
    if found is None or found.origin is None:
        raise _unknown_netron("no module named netron")
    return Path(found.origin).parent


def _unknown_netron(detail: str) -> ToolError:
    return ToolError(
        say("The graph viewer is missing or of an unknown version."),
        next_step=say("Run the setup again; it installs the right version."),
        detail=detail,
    )
