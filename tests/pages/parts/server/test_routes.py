"""The middleware before the real app: every route that it has, asked over the network."""

import http.client
import json
import os
import re
import subprocess
import sys

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.setup import access
from core.setup.instance import ServerAddress
from pages.parts.server.policy import HEADERS
from running_app import ROOT, running_app

HEALTH = "/_stcore/health"
REQUIRED = {*(name.decode() for name in HEADERS), "content-security-policy"}
LIST_ROUTES = """
import json, app
routes = app.app._build_starlette_app().routes
print(json.dumps([(route.path, sorted(getattr(route, "methods", None) or ())) for route in routes]))
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEPRESS_HOME", str(folder / "home"))
        with running_app(folder / "app.log") as address:
            yield address


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    """Path and methods of each route, Streamlit's own included; WebSockets have no methods."""
    env = {**os.environ, "EDGEPRESS_HOME": str(tmp_path_factory.mktemp("home")), access.TOKEN: "off"}
    command = [sys.executable, "-c", LIST_ROUTES]
    listed = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", check=True)
    return [
        (re.sub(r"{[^}]*}", "x", path) or "/", methods) for path, methods in json.loads(listed.stdout.splitlines()[-1])
    ]


@pytest.fixture(scope="module")
def cookie(app):
    response = ask(app, "GET", app.url_for_one_opening().removeprefix(app.base))
    return {"Cookie": response.headers["set-cookie"].partition(";")[0]}


def ask(app, method, path, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        response.body = response.read()
        return response
    finally:
        connection.close()


def test_the_list_of_routes_is_the_apps(routes):
    paths = {path for path, _ in routes}
    expected = {
        HEALTH,
        "/_stcore/stream",
        "/_stcore/host-config",
        "/_stcore/upload_file/x/x",
        "/media/x",
        "/component/x",
    }
    assert paths >= {*expected, "/download/x", "/netron/x/x/", "/netron/x/x/x", "/netron/x/x/data/x"}


def test_no_route_answers_without_the_token_or_under_another_name(app, routes, cookie):
    found = [(path, method) for path, methods in routes for method in methods or ["GET"]]
    found += [
        ("/", "GET"),
        ("/static/js/x.js", "GET"),
        ("/favicon.png", "GET"),
        ("/nowhere", "GET"),
        ("/results", "GET"),
    ]
    for path, method in found:
        refused = ask(app, method, path)
        expected = 200 if path == HEALTH and method in ("GET", "HEAD") else 403
        assert (path, method, refused.status) == (path, method, expected)
        assert {name.lower() for name in refused.headers} >= REQUIRED
        assert ask(app, method, path, {**cookie, "Host": "evil.example"}).status == 400
        if path != HEALTH:
            assert ask(app, method, path, {**cookie, "Origin": "http://127.0.0.1:9"}).status == 403
        answered = ask(app, method, path, cookie)
        assert b"EdgePress window" not in answered.body
        assert b"This address alone" not in answered.body
        assert {name.lower() for name in answered.headers} >= REQUIRED


def test_with_the_cookie_the_app_is_served(app, cookie):
    front = ask(app, "GET", "/", cookie)
    assert front.status == 200
    (script,) = re.findall(r'<script type="module" crossorigin src="\.(/[^"]*)"', front.body.decode())
    assert ask(app, "GET", script, cookie).status == 200
    assert ask(app, "GET", script).status == 403
    config = ask(app, "GET", "/_stcore/host-config", cookie)
    assert json.loads(config.body)["allowedOrigins"] == []


def test_an_upload_needs_the_cookie_before_a_byte_is_read(app, cookie):
    assert ask(app, "PUT", "/_stcore/upload_file/x/x").status == 403
    assert ask(app, "PUT", "/_stcore/upload_file/x/x", cookie).status in (
        400,
        403,
    )  # Streamlit's own check, of its session
    assert b"This address alone" not in ask(app, "PUT", "/_stcore/upload_file/x/x", cookie).body


def test_the_websocket_opens_for_the_own_page_only(app, cookie):
    url = f"ws://127.0.0.1:{app.port}/_stcore/stream"
    own = {"origin": app.base, "additional_headers": cookie}
    with connect(url, subprotocols=["streamlit"], **own):
        pass
    attacks = [
        {"origin": app.base},
        {"additional_headers": cookie},
        {**own, "origin": "http://127.0.0.1:9"},
        {**own, "origin": f"http://localhost:{app.port}"},
        {**own, "origin": "https://evil.example"},
        {**own, "origin": "null"},
    ]
    for attack in attacks:
        with pytest.raises(InvalidStatus) as refused, connect(url, **attack):
            pass
        assert refused.value.response.status_code == 403
        assert {name.lower() for name in refused.value.response.headers} >= REQUIRED


@pytest.mark.skipif(os.name == "nt", reason="Windows has no /proc and no modes")
def test_the_token_is_neither_on_a_command_line_nor_in_a_log(app, cookie, tmp_path_factory):
    log = next(tmp_path_factory.getbasetemp().glob("app*/app.log"))
    ask(app, "GET", app.url.removeprefix(app.base))
    assert app.token not in log.read_text(encoding="utf-8")
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "args"], capture_output=True, encoding="utf-8", check=True)
    assert str(app.port) in listed.stdout
    assert app.token not in listed.stdout


@pytest.mark.parametrize("command", [["-m", "streamlit", "run", "app.py"], ["app.py"]])
def test_without_the_launcher_the_app_makes_a_token_and_prints_the_address(command, tmp_path):
    env = {**os.environ, "EDGEPRESS_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}
    started = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        port, token = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", started.stdout.readline()).groups()
        address = ServerAddress(int(port), started.pid, token)
        while not address.responds():
            assert started.poll() is None
        assert ask(address, "GET", "/").status == 403
        assert "set-cookie" in ask(address, "GET", f"/?token={token}").headers
    finally:
        started.terminate()
        started.communicate()


def test_a_weak_token_stops_the_start_in_words(tmp_path):
    env = {**os.environ, "EDGEPRESS_HOME": str(tmp_path), access.TOKEN: "secret"}
    command = [sys.executable, "app.py"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert "too short" in ended.stderr
    assert "Traceback" not in ended.stderr
