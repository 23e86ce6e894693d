"""Show the web page of this kit: ``python web/serve.py``. Ends with Ctrl-C.

Needs nothing but Python. Only this computer can open the page; to put it on a web server, copy the kit's whole folder.
"""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KIT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # Both together let the page use several processor cores.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Handler(SimpleHTTPRequestHandler):
    """Gives the files of the kit."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, directory=str(KIT), **options)

    def do_GET(self) -> None:
        """A file, or for the address alone the page."""
        if self._is_own_page():
            if self.path == "/":
                self.send_response(302)
                self.send_header("Location", "/web/index.html")
                self.end_headers()
                return
            super().do_GET()

    def do_HEAD(self) -> None:
        """As for GET, without the file."""
        if self._is_own_page():
            super().do_HEAD()

    def _is_own_page(self) -> bool:
        """Whether it is asked for by this computer's name: a foreign name that leads here is a trick."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host in (HOST, "localhost"):
            return True
        self.send_error(403)
        return False

    def list_directory(self, path: Any) -> None:
        """Folders are not listed."""
        del path
        self.send_error(404)

    def guess_type(self, path: Any) -> str:
        """Also where a system knows other types for these endings, or none."""
        return _TYPES.get(Path(str(path)).suffix.lower()) or super().guess_type(path)

    def end_headers(self) -> None:
        """With those that every answer has."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="serve.py", description="Show the web page of this kit.")
    parser.add_argument("--port", type=int, default=0, help="of the address (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="only say the address")
    options = parser.parse_args(arguments)
    try:
        server = ThreadingHTTPServer((HOST, options.port), Handler)
    except (OSError, OverflowError) as exc:
        sys.exit(f"Port {options.port} cannot be used: {exc}. Give another one, or leave --port out.")
    address = f"http://{HOST}:{server.server_address[1]}/"
    print(f"The page is at {address} - end it with Ctrl-C.", flush=True)
    if not options.no_browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
