"""Stored pictures, their thumbnails and drawings for the browser, each sent when it is looked at."""

from __future__ import annotations

import hashlib
import hmac
import io
import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from core.common.foreign_files import check_regular
from core.common.text import LANGUAGES
from core.report.before_after import BeforeAfter, View
from core.report.gallery_entries import ORIGINAL
from pages.parts.results.picture_frame import frame
from pages.parts.results.stored_pictures import StoredPictures

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_THUMBNAIL = (176, 132)
_MOST_BYTES = 50_000_000
_MOST_OFFERS = 500
_MOST_CLASSES = 2000
_LETTERS = 15.0
"""Height of labels on the screen, in pixels."""

_USUAL_SHARE = 0.034
"""Of a picture's width, height of labels where nothing is known of the screen."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # A drawing that somebody opens by itself can do nothing.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
}


@dataclass(frozen=True)
class _Asked:
    """What an address says."""

    shown: BeforeAfter
    files: tuple[str, ...]
    index: int


class PictureServer:
    """Serves the pictures of jobs that a page showed, and no others, under addresses that nobody can guess."""

    def __init__(self, prefix: str = "") -> None:
        """Begin with nothing on offer; ``prefix`` is the app's ``server.baseUrlPath``."""
        self._prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
        self._secret = secrets.token_bytes(32)
        self._offers: OrderedDict[str, StoredPictures] = OrderedDict()

    def address(self, stored: StoredPictures) -> str:
        """Offer the pictures of a job, and give the address below which they are."""
        key = hmac.new(self._secret, repr(stored).encode(), hashlib.sha256).hexdigest()[:32]
        self._offers[key] = stored
        self._offers.move_to_end(key)
        while len(self._offers) > _MOST_OFFERS:
            self._offers.popitem(last=False)
        return f"{self._prefix}/pictures/{key}"

    def routes(self) -> list[Route]:
        """What the web server needs, to be given to ``st.App``; no coroutines, so that drawing runs in threads."""
        from starlette.routing import Route

        base = self._prefix + "/pictures/{key}/{index:int}/"
        return [
            Route(base + "picture.jpg", self._picture),
            Route(base + "thumbnail.jpg", self._thumbnail),
            Route(base + "drawing.svg", self._drawing),
            Route(base + "frame.json", self._frame),
        ]

    def _picture(self, request: Request) -> Response:
        from starlette.responses import FileResponse

        return FileResponse(self._file(request), media_type="image/jpeg", headers=_HEADERS)

    def _thumbnail(self, request: Request) -> Response:
        from PIL import Image
        from starlette.exceptions import HTTPException
        from starlette.responses import Response

        try:
            with Image.open(self._file(request), formats=["JPEG"]) as image:
                image.draft("RGB", _THUMBNAIL)
                image.thumbnail(_THUMBNAIL)
                stream = io.BytesIO()
                image.convert("RGB").save(stream, "JPEG", quality=80)
        except (OSError, ValueError, SyntaxError) as exc:
            raise HTTPException(404) from exc
        return Response(stream.getvalue(), media_type="image/jpeg", headers=_HEADERS)

    def _drawing(self, request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import Response

        asked = self._find(request)
        query = request.query_params
        width = asked.shown.entries[asked.index].size or (1, 1)
        is_left = query.get("side") != "right"
        scale = _text_scale(query, max(float(width[1]), 0.75 * width[0]) / max(1.0, float(width[1])))
        drawn = asked.shown.drawing(asked.index, _view(query, asked.files), is_left=is_left, text_scale=scale)
        if drawn is None:
            raise HTTPException(404)
        return Response(drawn, media_type="image/svg+xml", headers=_HEADERS)

    def _frame(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        asked, query = self._find(request), request.query_params
        language = query.get("language", "en")
        # What is relative to the address of the frame is relative to that of its picture.
        given = [pair for pair in query.multi_items() if pair[0] in ("left", "right", "score", "class")]

        def drawing(*, is_left: bool) -> str:
            return "drawing.svg?" + urlencode([*given, ("side", "left" if is_left else "right")])

        made = frame(
            asked.shown,
            asked.index,
            _view(query, asked.files),
            files=asked.files,
            drawing=drawing,
            language=language if language in LANGUAGES else "en",
        )
        return JSONResponse(made, headers=_HEADERS)

    def _file(self, request: Request) -> Path:
        from starlette.exceptions import HTTPException

        asked = self._find(request)
        path = asked.shown.entries[asked.index].picture_in(asked.shown.folder)
        try:
            check_regular(path, _MOST_BYTES)
        except (OSError, ValueError) as exc:
            raise HTTPException(404) from exc
        return path

    def _find(self, request: Request) -> _Asked:
        from starlette.exceptions import HTTPException

        stored = self._offers.get(request.path_params["key"])
        index = int(request.path_params["index"])
        shown = None if stored is None else stored.read()
        if stored is None or shown is None or not 0 <= index < len(shown.entries):
            raise HTTPException(404)
        return _Asked(shown, (ORIGINAL, *(target for target, _ in stored.files)), index)


def _view(query: QueryParams, files: tuple[str, ...]) -> View:
    """What is asked for; what is no file of the job is the original."""
    left, right = (query.get(side, "") for side in ("left", "right"))
    classes = [int(one) for one in query.getlist("class")[:_MOST_CLASSES] if one.isascii() and one.isdigit()]
    return View(
        left if left in files else ORIGINAL,
        right if right in files else ORIGINAL,
        _number(query, "score", 0.0, 1.0),
        frozenset(classes),
    )


def _text_scale(query: QueryParams, longer: float) -> float:
    """Letters of one height, however wide the picture is shown; ``longer`` is what a tall picture counts more."""
    width = _number(query, "width", 0.0, 10_000.0)
    return min(1.5, max(0.3, _LETTERS / (_USUAL_SHARE * width * longer))) if width else 1.0


def _number(query: QueryParams, name: str, least: float, most: float) -> float:
    try:
        found = float(query.get(name, ""))
    except ValueError:
        return least
    return min(most, max(least, found)) if math.isfinite(found) else least


PICTURES = PictureServer(st.get_option("server.baseUrlPath") or "")
"""The one of the app."""
