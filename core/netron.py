"""Embedded Netron views, one for each model, served from the app's own port and without any outside request.

Netron's own server shows one model per process and serves the model's whole folder; its page looks up the user's
country, sends usage statistics, and refuses to open half a year after its release. Served from here it does none of
that: see :func:`view_page`.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import quote

from core.common.errors import SourceError, ToolError
from core.common.paths import ASSETS
from core.common.serialization import to_data
from core.common.text import say
from core.report.graph_guide import GraphGuide

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
    # Links in a model's own documentation open nothing.
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-same-origin allow-downloads"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SCRIPT, _STYLE = (ASSETS / "netron" / name for name in ("graph-guide.js", "graph-guide.css"))

_MOST_GUIDES = 32
"""Those that were used last are kept; a view whose guide was dropped asks for the page to be opened again."""

# Any other version is a "packaged" page, which sends statistics; 0.0.0 is Netron's version of a development page.
_VERSION = '<meta name="version" content="0.0.0">'


@dataclass(frozen=True)
class Place:
    """What a view shows of its graph; it is in the address behind ``#``, so that a change does not load it anew."""

    node: str = ""
    """Name of the layer, node or tensor that is selected; nothing where there is none of this name."""

    request: int = 0
    """Counts the selections, so that the same node can be asked for again."""

    is_alone: bool = False
    """Whether it does not follow the graph beside it."""

    @property
    def fragment(self) -> str:
        """Empty for what a view does by itself."""
        parts = [f"node={quote(self.node, safe='')}"] if self.node else []
        parts += [f"request={self.request}"] if self.request else []
        return "&".join([*parts, *(["alone=1"] if self.is_alone else [])])


@dataclass(frozen=True)
class Guide:
    """What a view is told of its graph, and the words in which it speaks of it."""

    graph: GraphGuide
    words: Mapping[str, str] = field(default_factory=dict)
    """Precision -> how a badge calls it; ``unmatched``: what is said of a node without counterpart."""


class NetronViews:
    """The models that can be viewed, each at an unguessable URL."""

    def __init__(self, prefix: str = "") -> None:
        """Without models yet; ``prefix`` is the server's base path, such as ``/tools``."""
        self._prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._secret = secrets.token_bytes(32)
        self._files: dict[str, Mapping[str, Path]] = {}
        self._guides: OrderedDict[str, bytes] = OrderedDict()

    def url(self, model: Path, theme: Theme, *, guide: Guide | None = None, place: Place | None = None) -> str:
        """Register a model, and return the URL for an iframe.

        The URL stays the same until the file changes, so that a rerun of the page keeps the iframe.

        Args:
            model: an .onnx file, or the .param file of an ncnn model whose .bin lies beside it.
            theme: of the page around the iframe.
            guide: through its layers; without one, nodes are found by their own names.
            place: what is selected.

        Raises:
            SourceError: there is no such file, or it is not a model of these two kinds.
        """
        files = _files_of(model)
        told = b"{}" if guide is None else json.dumps(to_data(guide)).encode()
        stamp = repr([*((str(path.resolve()), *_modified(path)) for path in files.values()), _digest(told)])
        key = hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:32]
        self._files[key] = files
        self._keep_guide(key, told)
        fragment = (place or Place()).fragment
        return f"{self._prefix}/netron/{theme}/{key}/" + (f"#{fragment}" if fragment else "")

    def _keep_guide(self, key: str, told: bytes) -> None:
        self._guides[key] = told
        self._guides.move_to_end(key)
        while len(self._guides) > _MOST_GUIDES:
            self._guides.popitem(last=False)

    def routes(self) -> list[Route]:
        """Routes for ``st.App``."""
        from starlette.routing import Route

        base = self._prefix + "/netron/{theme}/{key}/"
        return [
            Route(base, self._page),
            Route(base + "data/{name}", self._model),
            Route(base + "guide.json", self._guide),
            Route(base + "{name}", self._static),
        ]

    async def _page(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        theme, files = self._find(request)
        page = HTMLResponse(view_page(next(iter(files)), theme), headers=_HEADERS)
        # Without this cookie Netron asks an outside service for the country, and then the user for consent.
        page.set_cookie("consent", "1", path=request.url.path, samesite="strict")
        return page

    async def _model(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import FileResponse

        path = self._find(request)[1].get(request.path_params["name"])
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="application/octet-stream", headers=_HEADERS)

    async def _guide(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import Response

        self._find(request)
        told = self._guides.get(request.path_params["key"])
        if told is None:
            raise HTTPException(404)
        return Response(told, media_type="application/json", headers=_HEADERS)

    async def _static(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import FileResponse, Response

        theme, _ = self._find(request)
        path = _static_files().get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        media_type = _MEDIA_TYPES[path.suffix]
        if path.suffix == ".css":
            return Response(
                _with_theme(path.read_text(encoding="utf-8"), theme), headers=_HEADERS, media_type=media_type
            )
        # The browser may cache Netron's own files, but not the user's models.
        headers = {**_HEADERS, "Cache-Control": "private, max-age=86400"}
        return FileResponse(path, media_type=media_type, headers=headers)

    def _find(self, request: Request) -> tuple[Theme, Mapping[str, Path]]:
        from starlette.exceptions import HTTPException

        theme, files = request.path_params["theme"], self._files.get(request.path_params["key"])
        if files is None or theme not in get_args(Theme):
            raise HTTPException(404)
        return theme, files


def view_page(name: str, theme: Theme) -> str:
    """Netron's page, changed so that it opens one model at once and sends no outside request.

    Args:
        name: file name under which the page fetches the model from the path ``data`` below its own.
        theme: light or dark, regardless of the system setting.

    Raises:
        ToolError: Netron is not installed, or its page is not as expected.
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
    page, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # the header is stricter
    if not (count == dates == policies == 1):
        raise _unknown_netron(f"version {count}, date {dates}, policy {policies} in {path}")
    ours = f'<link rel="stylesheet" href="{_STYLE.name}"><script src="{_SCRIPT.name}"></script>'
    page = page.replace("</head>", f"{ours}</head>", 1)
    # No links to the outside.
    return _with_theme(re.sub(r'href="https?://[^"]*"', 'href="#"', page), theme)


def _with_theme(text: str, theme: Theme) -> str:
    """Make the media query for dark mode follow the app's theme instead of the system setting."""
    return text.replace("(prefers-color-scheme: dark)", "all" if theme == "dark" else "not all")


def _files_of(model: Path) -> dict[str, Path]:
    """Files that the page may fetch, by their name in the URL; the model itself is first.

    The names are fixed ASCII ones, because Netron does not escape URLs.
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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _modified(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@cache
def _static_files() -> Mapping[str, Path]:
    """Netron's files and ours by name; the whole list of what is served, so that a path with dots gives 404."""
    files = (path for path in _package().iterdir() if path.suffix in _MEDIA_TYPES and path.is_file())
    return {path.name: path for path in (*files, _SCRIPT, _STYLE)}


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
