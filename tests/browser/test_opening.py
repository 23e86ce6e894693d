"""How the app is opened and what a browser without the token sees, in a real browser."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from core.setup.instance import HOST

pytestmark = pytest.mark.browser

REFUSED = re.compile("Open the address that the window of EdgePress shows")


def heading(page, name):
    return page.get_by_role("heading", name=name, exact=True)


def test_the_address_alone_opens_nothing_and_a_link_with_the_token_everything(running, page):
    page.goto(running.base)
    expect(page.get_by_text(REFUSED)).to_be_visible()
    expect(page.locator("[lang=zh]")).to_contain_text("启动")

    page.goto(running.url.replace("/?", "/results?job=20260101-000000-0000&"))
    expect(heading(page, "Results")).to_be_visible(timeout=30_000)
    assert page.url.startswith(f"{running.base}/results")
    assert "token" not in page.url
    assert running.token not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
    page.reload()
    expect(heading(page, "Results")).to_be_visible(timeout=30_000)

    second = page.context.new_page()
    second.goto(f"{running.base}/jobs")
    expect(heading(second, "Jobs")).to_be_visible(timeout=30_000)


def test_a_link_on_another_page_lets_in_too(running, page):
    """There the browser keeps back a strict cookie from the request that a redirect would lead to."""
    page.route("http://elsewhere.example/", lambda route: route.fulfill(body=f'<a href="{running.url}">open</a>'))
    page.goto("http://elsewhere.example/")
    page.get_by_text("open").click()
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(6, timeout=30_000)


ATTACKS = """async ([base, code]) => {
  const found = [];
  const image = (path) => new Promise((done) => {
    const one = new Image();
    one.onload = () => { found.push(path); done(); };
    one.onerror = done;
    one.src = base + path;
  });
  const script = (path) => new Promise((done) => {
    const one = document.createElement("script");
    one.onload = () => { found.push(path); done(); };
    one.onerror = done;
    one.src = base + path;
    document.head.append(one);
  });
  const socket = () => new Promise((done) => {
    const one = new WebSocket(base.replace("http", "ws") + "/_stcore/stream", "streamlit");
    one.onopen = () => { found.push("socket"); done(); };
    one.onerror = done;
  });
  const read = (path, options) => fetch(base + path, options).then(() => found.push(path), () => {});
  await Promise.all([image("/favicon.png"), script(code), socket(),
    read("/_stcore/host-config", { credentials: "include" }), read("/_stcore/upload_file/a/b", { method: "PUT" })]);
  const frame = document.createElement("iframe");
  frame.src = base;
  document.body.append(frame);
  await new Promise((done) => { frame.onload = done; setTimeout(done, 5000); });
  return found;
}"""


@pytest.fixture
def other_port():
    """The port of another program of this computer, whose page is empty."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<body></body>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_a_page_of_another_port_reaches_nothing(running, page, host, other_port):
    """For a browser it is the same site: it sends the cookie along."""
    page.goto(running.url)
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(6, timeout=30_000)
    code = page.evaluate("[...document.scripts].map((one) => one.src).find(Boolean)")
    page.goto(f"http://{host}:{other_port}/")
    assert page.evaluate(ATTACKS, [running.base, code.removeprefix(running.base)]) == []
    assert all("stSidebarNavLink" not in frame.content() for frame in page.frames)
