"""A copy of EdgePress with one small requirement, to set up and start for real in seconds."""

import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

FAKE_STREAMLIT = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--server.port") + 1])), Handler).serve_forever()
"""


def make_wheel(folder):
    """A package called streamlit that only answers the health check."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "streamlit-9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr("streamlit/__init__.py", "")
        wheel.writestr("streamlit/__main__.py", FAKE_STREAMLIT)
        wheel.writestr("streamlit-9.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: streamlit\nVersion: 9.9\n")
        wheel.writestr(
            "streamlit-9.9.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("streamlit-9.9.dist-info/RECORD", "")


def copy_into(folder):
    """A copy in a folder with a space, whose only requirement is the package above, beside a folder of wheels."""
    root = folder / "Edge Press 模型"
    for name in ("core", "tools", "assets/languages"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "start.py", root)
    (root / "requirements.txt").write_text("streamlit==9.9\n", encoding="utf-8")
    (root / "requirements-nodeps.txt").write_text("# nothing\n", encoding="utf-8")
    make_wheel(folder / "wheels")
    return root
