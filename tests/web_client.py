"""Asks the routes of the app as a server would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass
class Answer:
    status_code: int
    headers: dict[str, str]
    content: bytes


class Client:
    def __init__(self, app: Any) -> None:
        self._app = app

    def get(self, url: str) -> Answer:
        sent = []
        path, _, query = url.partition("?")

        async def receive():
            await asyncio.Event().wait()  # the browser has asked, and now only listens

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": unquote(path), "query_string": query.encode(), "headers": []}
        scope |= {"scheme": "http", "http_version": "1.1", "root_path": "", "server": ("localhost", 80)}
        asyncio.run(self._app(scope, receive, send))
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
