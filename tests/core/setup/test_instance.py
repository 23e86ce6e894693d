import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.common.errors import OptionError, ToolError
from core.common.paths import home
from core.setup.instance import HOST, Instance, ServerAddress, choose_port

ROOT = Path(__file__).parents[3]


@pytest.fixture
def web_server():
    """A server on a free port; its response to the health check can be set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.response)

        def log_message(self, *_):
            pass

    server = HTTPServer((HOST, 0), Handler)
    server.response = b"ok"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_copy_runs_once_and_two_copies_run_side_by_side(tmp_path):
    first, second = Instance(ROOT, tmp_path), Instance(ROOT, tmp_path)
    other_copy = Instance(ROOT / "other", tmp_path)
    assert first.acquire()
    assert not second.acquire()
    assert other_copy.acquire()
    first.release()
    assert second.acquire()
    second.release()
    other_copy.release()


def test_the_lock_of_a_launcher_that_was_killed_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from core.setup.instance import Instance;"
        "kept = Instance(Path.cwd(), Path(sys.argv[1]));"
        "print(kept.acquire(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip() == b"True"
        late = Instance(ROOT, tmp_path)
        assert not late.acquire()
        owner.kill()
        owner.wait()
    assert late.acquire()
    late.release()


def test_the_running_app_is_found_by_its_address_file(tmp_path, web_server):
    owner = Instance(ROOT, tmp_path)
    assert owner.acquire()
    address = ServerAddress(port=web_server.server_port, pid=1, token="a+b/c")
    owner.write_address(address)
    assert address.url == f"{address.base}/?token=a%2Bb%2Fc"
    assert Instance(ROOT, tmp_path).find(timeout=0) == address
    owner.release()
    assert Instance(ROOT, tmp_path).find(timeout=0) is None


def test_another_program_on_the_port_is_not_taken_for_edgepress(tmp_path, web_server):
    web_server.response = b"<html>something else</html>"
    owner = Instance(ROOT, tmp_path)
    assert owner.acquire()
    owner.write_address(ServerAddress(port=web_server.server_port, pid=1))
    assert owner.find(timeout=0) is None
    owner.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_no_other_account_can_read_the_token(tmp_path):
    home = tmp_path / "home"
    owner = Instance(ROOT, home)
    assert owner.acquire()
    owner.write_address(ServerAddress(port=1, pid=1, token="secret"))
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}
    owner.release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": "x", "pid": 1}', '{"pid": 1}'])
def test_a_damaged_address_file_counts_as_none(tmp_path, content):
    owner = Instance(ROOT, tmp_path)
    assert owner.acquire()
    owner._address_file.write_text(content, encoding="utf-8")
    assert owner.find(timeout=0) is None
    owner.release()


def test_a_port_in_use_is_refused_when_it_was_asked_for(web_server):
    with pytest.raises(OptionError, match=str(web_server.server_port)):
        choose_port(web_server.server_port)
    with pytest.raises(OptionError):
        choose_port(70000)


def test_a_free_port_is_found_even_if_all_usual_ones_are_taken(monkeypatch):
    assert 1 <= choose_port(None) <= 65535
    monkeypatch.setattr("core.setup.instance._is_free", lambda _: False)
    assert 1 <= choose_port(None) <= 65535


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_bytes(b"")
    with pytest.raises(ToolError, match="file"):
        Instance(ROOT, in_the_way / "home").acquire()


def test_the_data_folder_can_be_chosen(tmp_path):
    assert home({"EDGEPRESS_HOME": str(tmp_path)}) == tmp_path.absolute()
    assert home({}) == Path.home() / ".edgepress"
