"""Files served as a kit's serve.py serves them, for pages in Chromium."""

import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def serving(kit):
    """Start the kit's own server; gives its address."""
    server = subprocess.Popen(
        [sys.executable, str(kit / "web" / "serve.py"), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline()
        assert "http://127.0.0.1:" in line, line + server.stderr.read()
        yield next(word for word in line.split() if word.startswith("http"))
    finally:
        server.kill()
        server.communicate()
