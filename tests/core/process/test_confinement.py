"""The confinement of a process, tried in processes of their own; left out where the kernel does not offer it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux offers it")

NETWORK = """
import socket, sys
from core.process.confinement import leave_network
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), 5).close()
if not leave_network():
    sys.exit("not offered")
try:
    socket.create_connection(server.getsockname(), 5)
except OSError:
    print("unreachable")
"""

FILES = """
import os, sys
from pathlib import Path
from core.process.confinement import write_only_in
own, other = map(Path, sys.argv[1:])
if not write_only_in([own]):
    sys.exit("not offered")
(own / "a").write_text("new")
(own / "folder").mkdir()
(own / "a").rename(own / "folder" / "b")
open(os.devnull, "w").write("x")
assert (other / "kept").read_text() == "kept"
tries = [
    lambda: (other / "new").touch(),
    lambda: (other / "kept").write_text("changed"),
    lambda: (other / "kept").unlink(),
    lambda: (other / "kept").rename(own / "kept"),
    lambda: (own / "link").symlink_to(other / "kept") or (own / "link").write_text("changed"),
    lambda: (other / "folder").mkdir(),
]
for number, attempt in enumerate(tries):
    try:
        attempt()
        print("did", number)
    except OSError:
        pass
os.system(f'echo changed > "{other}/kept"')
print("done")
"""


def run(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "not offered" in ran.stderr:
        pytest.skip("the kernel does not offer it")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_without_the_network_not_even_this_computer_is_reached():
    assert run(NETWORK) == ["unreachable"]


def test_files_elsewhere_are_read_but_not_changed_and_nothing_is_added(tmp_path):
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "kept").write_text("kept", encoding="utf-8")
    assert run(FILES, own, other) == ["done"]
    assert (other / "kept").read_text(encoding="utf-8") == "kept"
    assert [path.name for path in other.iterdir()] == ["kept"]


def test_the_worker_of_pytorch_can_be_confined_since_it_is_loaded_without_threads():
    program = "import os, core.pytorch.worker.__main__; print(len(os.listdir('/proc/self/task')))"
    assert run(program) == ["1"]
