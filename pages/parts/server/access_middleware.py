"""The one way into the app: every request passes here before any route, WebSockets included.

Pure ASGI, since Starlette's own base for middleware neither sees WebSockets nor lets large files pass in pieces.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.common.text import Text
from core.setup.access import Access, Tickets, derived
from pages.parts.server import refusal_pages
from pages.parts.server.policy import HEADERS, content_policy

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_TOKEN = "token"
_UNKNOWN_HOST = "localhost"  # stands in the policy of a refusal, whose host is not to be repeated


class _Refused(Exception):
    def __init__(self, status: int, sentence: Text) -> None:
        self.status = status
        self.sentence = sentence


class AccessMiddleware:
    """Lets requests through that come from the app's own pages, in a browser that was opened with the token."""

    def __init__(self, app: App, access: Access, prefix: str = "") -> None:
        """Stand before ``app``, as the outermost middleware, so that answers of all others get the headers too.

        Args:
            app: everything else.
            access: what a request must bring along.
            prefix: the app's ``server.baseUrlPath``.
        """
        self._app = app
        self._health = f"/{prefix.strip('/')}".rstrip("/") + "/_stcore/health"
        self._access = access
        self._tickets = Tickets(access.token) if access.token else None
        self._pass = derived(access.token, "cookie") if access.token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):  # the server's own start and end
            await self._app(scope, receive, send)
            return
        request = _Request(scope)
        answer = _Answer(scope, send, request.host if self._knows(request) else _UNKNOWN_HOST)
        try:
            self._check(request)
            if request.is_reading and _TOKEN in request.query:
                await self._let_in(request, answer)
            else:
                await self._app(scope, receive, answer.send)
        except _Refused as refused:
            await answer.page(refused.status, refusal_pages.refusal(refused.sentence))
        except Exception:
            if not answer.is_started:
                await answer.page(500, refusal_pages.refusal(refusal_pages.FAILED))
            raise  # for the log

    def _check(self, request: _Request) -> None:
        if not self._knows(request):
            raise _Refused(400, refusal_pages.FOREIGN_HOST)
        if request.is_reading and request.path == self._health:  # for the launcher and for monitors; says only "ok"
            return
        if not request.is_from_own_page:
            raise _Refused(403, refusal_pages.FOREIGN_PAGE)
        if not self._has_cookie(request) and not self._has_token(request):
            raise _Refused(403, refusal_pages.NO_TOKEN)

    def _knows(self, request: _Request) -> bool:
        return request.host_name in self._access.hosts

    def _has_cookie(self, request: _Request) -> bool:
        if self._access.token is None:
            return True
        expected = self._pass.encode()
        return any(hmac.compare_digest(value.encode(), expected) for value in request.cookies(_cookie_name(request)))

    def _has_token(self, request: _Request) -> bool:
        given = request.query.get(_TOKEN)
        if given is None or self._access.token is None or self._tickets is None or not request.is_reading:
            return False
        return hmac.compare_digest(given.encode(), self._access.token.encode()) or self._tickets.accept(given)

    async def _let_in(self, request: _Request, answer: _Answer) -> None:
        """Turn the token in the address into a cookie, and go on to the same address without it."""
        cookie = f"{_cookie_name(request)}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
        cookie += "; Secure" if request.is_encrypted else ""
        target = request.without_token()
        if request.is_linked:
            await answer.page(200, refusal_pages.way_in(target), set_cookie=cookie)
        else:
            await answer.page(303, b"", set_cookie=cookie, location=target)


class _Request:
    """What the middleware reads of a request."""

    def __init__(self, scope: Scope) -> None:
        self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        self.path: str = scope["path"]
        self._query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self.query = dict(self._query)
        self.is_websocket = scope["type"] == "websocket"
        self.is_reading = not self.is_websocket and scope["method"] in ("GET", "HEAD")
        self.is_encrypted = scope.get("scheme") in ("https", "wss")
        self.host_name, self.port = _name_and_port(self._values("host"))
        self.host = self.host_name if self.port is None else f"{self.host_name}:{self.port}"

    def _values(self, name: str) -> list[str]:
        return [value for key, value in self._headers if key == name]

    def cookies(self, name: str) -> list[str]:
        """All values; programs on other ports can set cookies of the same name."""
        pairs = (pair.strip().partition("=") for line in self._values("cookie") for pair in line.split(";"))
        return [value for key, _, value in pairs if key == name]

    @property
    def is_from_own_page(self) -> bool:
        """Whether no other web page causes it, as far as the browser tells.

        A WebSocket must name its page: every browser does, and no other program has a reason to open one.
        """
        origins = self._values("origin")
        if origins:
            return all(_is_origin(origin, self.host) for origin in origins)
        if self.is_websocket:
            return False
        is_opened = self.is_reading and self._fetch("mode") == "navigate" and self._fetch("dest") == "document"
        return is_opened or self._fetch("site") in ("", "none", "same-origin")

    @property
    def is_linked(self) -> bool:
        """Whether the address was opened from a page, not typed or given to the browser."""
        return self._fetch("site") not in ("", "none")

    def _fetch(self, name: str) -> str:
        """What the browser tells of the request, on addresses that it trusts, as 127.0.0.1."""
        return "".join(self._values(f"sec-fetch-{name}"))

    def without_token(self) -> str:
        """The same address without the token, from its last part on, whatever a proxy has put before it."""
        query = urlencode([(name, value) for name, value in self._query if name != _TOKEN])
        return f"./{quote(self.path.rpartition('/')[2])}" + (f"?{query}" if query else "")


class _Answer:
    """Sends an answer with the headers of all answers."""

    def __init__(self, scope: Scope, send: Send, host: str) -> None:
        self._send = send
        self._headers = [*HEADERS.items(), (b"content-security-policy", content_policy(host))]
        self._is_websocket = scope["type"] == "websocket"
        self._has_pages = not self._is_websocket or "websocket.http.response" in scope.get("extensions", {})
        self.is_started = False

    async def send(self, message: Message) -> None:
        """Pass a message on; a route may have stricter headers of its own."""
        self.is_started = True
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            present = [(name.lower(), value) for name, value in message.get("headers", ())]
            names = {name for name, _ in present}
            message = {**message, "headers": [*present, *(pair for pair in self._headers if pair[0] not in names)]}
        await self._send(message)

    async def page(self, status: int, body: bytes, *, set_cookie: str = "", location: str = "") -> None:
        """Answer by a page; a WebSocket, which is not open yet, is refused with it."""
        if not self._has_pages:
            await self.send({"type": "websocket.close", "code": 1008})
            return
        headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
        headers |= {"content-length": str(len(body)), "set-cookie": set_cookie, "location": location}
        kind = "websocket.http.response" if self._is_websocket else "http.response"
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items() if value]
        await self.send({"type": f"{kind}.start", "status": status, "headers": pairs})
        await self.send({"type": f"{kind}.body", "body": body})


def _cookie_name(request: _Request) -> str:
    """With the port in it, since cookies are shared between the ports of a computer."""
    return "edgepress" if request.port is None else f"edgepress-{request.port}"


def _name_and_port(hosts: list[str]) -> tuple[str, int | None]:
    """Parts of the Host header; an empty name, which nobody is allowed, where it is missing, doubled or malformed."""
    try:
        parts = urlsplit(f"//{hosts[0]}") if len(hosts) == 1 else urlsplit("")
        name, port = (parts.hostname or ""), parts.port
    except ValueError:
        return "", None
    is_plain = parts.netloc == (hosts or [""])[0] and "@" not in parts.netloc
    return (name, port) if is_plain else ("", None)


def _is_origin(origin: str, host: str) -> bool:
    """Whether a web page of this origin came from here; browsers write it in lower case, without a path."""
    return origin in (f"http://{host}", f"https://{host}")
