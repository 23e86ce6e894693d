from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette

from core.common.errors import SourceError
from core.netron import Guide, NetronViews, Place, view_page
from core.report.graph_guide import GraphGuide, GuidedLayer


@pytest.fixture
def views():
    return NetronViews()


@pytest.fixture
def onnx_file(tmp_path):
    path = tmp_path / "模型 #1?.onnx"
    path.write_bytes(b"onnx bytes")
    (tmp_path / "secret.txt").write_text("secret")
    return path


def get(views, path):
    """Status, headers and body of a request; the path is not normalised."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"cb=1",
        "headers": [(b"host", b"localhost")],
        "scheme": "http",
        "server": ("localhost", 80),
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(Starlette(routes=views.routes())(scope, receive, send))
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


def test_the_page_opens_the_model_and_has_no_outside_url(views, onnx_file):
    url = views.url(onnx_file, "light")
    assert re.fullmatch(r"/netron/light/[0-9a-f]{32}/", url)
    status, headers, body = get(views, url)
    page = body.decode()
    assert status == 200
    assert '<meta name="file" content="data/model.onnx">' in page
    assert '<meta name="version" content="0.0.0">' in page
    assert not re.search(r"""(src|href|action)=["']?\s*(https?:)?//""", page)
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", page)
    assert headers["set-cookie"].startswith(f"consent=1; Path={url};")


def test_the_content_security_policy_allows_no_outside_request(views, onnx_file):
    policy = get(views, views.url(onnx_file, "light"))[1]["content-security-policy"]
    assert "http" not in policy
    for rule in ("default-src 'self'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'self'"):
        assert rule in policy.split("; ")
    assert "*" not in policy


def test_the_model_is_served_unchanged_whatever_its_name(views, onnx_file):
    status, headers, body = get(views, views.url(onnx_file, "light") + "data/model.onnx")
    assert (status, body) == (200, b"onnx bytes")
    assert headers["cache-control"] == "no-store"


def test_both_files_of_an_ncnn_model_are_served(views, tmp_path):
    param, weights = tmp_path / "x_int8.param", tmp_path / "x_int8.bin"
    param.write_text("7767517\n")
    weights.write_bytes(b"weights")
    url = views.url(param, "dark")
    assert b"data/model.param" in get(views, url)[2]
    assert get(views, url + "data/model.param")[2] == param.read_bytes()
    assert get(views, url + "data/model.bin")[2] == b"weights"


def test_the_theme_is_that_of_the_app(views, onnx_file):
    for theme, rule in (("dark", b"@media all {"), ("light", b"@media not all {")):
        url = views.url(onnx_file, theme)
        for path in (url, url + "grapher.css"):
            status, _, body = get(views, path)
            assert status == 200
            assert rule in body
            assert b"prefers-color-scheme" not in body


def test_the_scripts_of_the_viewer_are_served(views, onnx_file):
    url = views.url(onnx_file, "light")
    for name, media_type in (("view.js", "text/javascript"), ("onnx-metadata.json", "application/json")):
        status, headers, body = get(views, url + name)
        assert status == 200
        assert headers["content-type"].startswith(media_type)
        assert body


@pytest.mark.parametrize(
    "path",
    [
        "data/secret.txt",
        "data/../secret.txt",
        "data/model.onnx/../secret.txt",
        "data/%2e%2e/secret.txt",
        "data//etc/passwd",
        "data/..\\secret.txt",
        "data/模型 #1?.onnx",
        "data",
        "../../../../etc/passwd",
        "..\\..\\secret.txt",
        "server.py",
        "__init__.py",
        "index.html",
        "/etc/passwd",
        ".",
        "..",
    ],
)
def test_nothing_else_is_served(views, onnx_file, path):
    status, _, body = get(views, views.url(onnx_file, "light") + path)
    assert status == 404
    assert b"secret" not in body


def test_an_unknown_key_or_theme_is_not_found(views, onnx_file):
    url = views.url(onnx_file, "light")
    assert get(views, url.replace("light", "pink"))[0] == 404
    assert get(views, "/netron/light/" + "0" * 32 + "/")[0] == 404
    assert get(NetronViews(), url + "data/model.onnx")[0] == 404
    assert get(NetronViews(), url + "view.js")[0] == 404


def test_a_model_that_vanished_is_not_found(views, onnx_file):
    url = views.url(onnx_file, "light")
    onnx_file.unlink()
    assert get(views, url + "data/model.onnx")[0] == 404


def test_the_url_stays_the_same_until_the_file_changes(views, onnx_file):
    url = views.url(onnx_file, "light")
    assert views.url(onnx_file, "light") == url
    onnx_file.write_bytes(b"other bytes, more of them")
    assert views.url(onnx_file, "light") != url


def test_a_base_path_is_part_of_every_url(onnx_file):
    views = NetronViews("/tools/")
    url = views.url(onnx_file, "light")
    assert url.startswith("/tools/netron/light/")
    assert get(views, url)[0] == 200


@pytest.mark.parametrize("name", ["secret.txt", "missing.onnx", "x.bin"])
def test_only_models_can_be_shown(views, onnx_file, name):
    with pytest.raises(SourceError):
        views.url(onnx_file.with_name(name), "light")


def test_the_installed_viewer_does_what_the_page_relies_on():
    """Fails when a new Netron reads its page in another way; then core/netron.py has to be adapted."""
    from core.netron import _package

    script = (_package() / "browser.js").read_text(encoding="utf-8")
    for expected in (
        "this._getCookie('consent')",
        "this._meta.version[0] !== '0.0.0'",
        "const [url] = this._meta.file",
        "days > 180",
    ):
        assert expected in script
    assert isinstance(view_page("model.onnx", "light"), str)
    assert Path(_package() / "grapher.css").read_text(encoding="utf-8").count("(prefers-color-scheme: dark)") == 1


def guide(name="<img src=x>", **words):
    return Guide(GraphGuide((GuidedLayer(name, ("t",), "8 bit"),), {"t": "7"}), words)


def test_a_view_gets_its_guide(views, onnx_file):
    url = views.url(onnx_file, "light", guide=guide(unmatched="Nothing"))
    status, headers, body = get(views, url + "guide.json")
    assert status == 200 and headers["content-type"] == "application/json" and headers["cache-control"] == "no-store"
    assert json.loads(body) == {
        "graph": {
            "layers": [{"name": "<img src=x>", "tensors": ["t"], "precision": "8 bit"}],
            "blobs": {"t": "7"},
        },
        "words": {"unmatched": "Nothing"},
    }
    assert views.url(onnx_file, "light", guide=guide(unmatched="Nothing")) == url
    assert views.url(onnx_file, "light", guide=guide(unmatched="无")) != url


def test_a_view_without_a_guide_gets_an_empty_one(views, onnx_file):
    assert get(views, views.url(onnx_file, "light") + "guide.json")[2] == b"{}"
    assert get(views, "/netron/light/" + "0" * 32 + "/guide.json")[0] == 404


def test_only_the_last_guides_are_kept(views, onnx_file):
    first = views.url(onnx_file, "light", guide=guide("first"))
    for number in range(40):
        views.url(onnx_file, "light", guide=guide(str(number)))
    assert get(views, first + "guide.json")[0] == 404 and get(views, first)[0] == 200
    views.url(onnx_file, "light", guide=guide("first"))
    assert get(views, first + "guide.json")[0] == 200


def test_what_is_selected_stands_behind_the_address(views, onnx_file):
    plain = views.url(onnx_file, "light")
    for place, fragment in (
        (Place(), ""),
        (Place("a/b & c=%"), "#node=a%2Fb%20%26%20c%3D%25"),
        (Place("a", 3, is_alone=True), "#node=a&request=3&alone=1"),
    ):
        assert views.url(onnx_file, "light", place=place) == plain + fragment


def test_our_script_and_style_are_in_the_page_and_served(views, onnx_file):
    url = views.url(onnx_file, "dark")
    page = get(views, url)[2].decode()
    for name in ("graph-guide.js", "graph-guide.css"):
        assert f'"{name}"' in page and get(views, url + name)[0] == 200


def test_netron_has_the_objects_that_our_script_uses():
    from core.netron import _package

    script = (_package() / "view.js").read_text(encoding="utf-8")
    for expected in (
        "this.emit('selectionchange', source)",
        "get selection()",
        "    select(selection, source) {",
        "    activate(value, source) {",
        "    scrollTo(selection, behavior) {",
        "    find(value) {",
    ):
        assert expected in script
