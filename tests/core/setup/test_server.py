import os
import sys
import threading
from pathlib import Path

import pytest

from core.common.errors import ToolError
from core.setup import server
from core.setup.instance import ServerAddress, choose_port

RESPONDING = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

port = int(sys.argv[sys.argv.index("--server.port") + 1])
address = sys.argv[sys.argv.index("--server.address") + 1]
HTTPServer((address, port), Handler).serve_forever()
"""


def start(tmp_path: Path, program: str) -> server.Server:
    """Start ``program`` instead of Streamlit."""
    (tmp_path / "streamlit").mkdir()
    (tmp_path / "streamlit" / "__init__.py").write_bytes(b"")
    (tmp_path / "streamlit" / "__main__.py").write_text(program, encoding="utf-8")
    address = ServerAddress(port=choose_port(None), pid=os.getpid())
    return server.start(Path(sys.executable), tmp_path, address=address, log=tmp_path / "logs" / "app.log")


def test_an_app_that_responds_is_up_and_stops_when_asked(tmp_path):
    app = start(tmp_path, RESPONDING)
    app.wait_until_up(threading.Event())
    assert app.address.responds()
    app._process.terminate()  # on Windows nobody pressed Ctrl-C here
    app.stop()
    assert not app.address.responds()


def test_an_app_that_ignores_the_request_is_ended_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_STOP_SECONDS", 0.3)
    app = start(tmp_path, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + RESPONDING)
    app.wait_until_up(threading.Event())
    app.stop()
    assert app._process.poll() is not None


def test_an_app_that_does_not_start_is_explained_by_the_end_of_its_log(tmp_path):
    app = start(tmp_path, "raise SystemExit('模型 lost its way')")
    with pytest.raises(ToolError) as caught:
        app.wait_until_up(threading.Event())
    assert "did not start" in str(caught.value.reason)
    assert "app.log" in str(caught.value.next_step)
    assert "模型 lost its way" in caught.value.detail


def test_an_app_that_ends_by_itself_is_reported(tmp_path):
    app = start(tmp_path, "print('the end')")
    with pytest.raises(ToolError, match="unexpectedly"):
        app.wait_until_down(threading.Event())


def test_a_stop_ends_both_waits(tmp_path):
    app = start(tmp_path, RESPONDING)
    stop = threading.Event()
    app.wait_until_up(stop)
    threading.Timer(0.3, stop.set).start()
    app.wait_until_down(stop)
    app.stop()
    app.wait_until_up(stop)  # does not respond any more: only the event ends this wait
