"""The guard by itself, before an app of one page and one WebSocket."""

import asyncio
import time

import pytest

from core.setup import access
from core.setup.access import Access
from pages.parts.server.access_middleware import AccessMiddleware
from pages.parts.server.policy import HEADERS

TOKEN = "t" * 43
HOST = "127.0.0.1:8510"
REQUIRED = {*(name.decode() for name in HEADERS), "content-security-policy"}


async def inner(scope, receive, send):
    if scope["path"] == "/broken":
        raise RuntimeError("secret detail")
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"Content-Security-Policy", b"default-src 'none'")] if scope["path"] == "/stricter" else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"the app"})


class Asked:
    """The answer to one request."""

    def __init__(self, guard, path="/", *, kind="http", method="GET", host=HOST, query="", scheme="http", headers=()):
        hosts = [] if host is None else [(b"host", host.encode())]
        scope = {"type": kind, "path": path, "query_string": query.encode(), "scheme": scheme}
        scope["headers"] = [*hosts, *((name.encode(), value.encode()) for name, value in headers)]
        scope |= {"method": method} if kind == "http" else {"extensions": {"websocket.http.response": {}}}
        self.sent = []
        asyncio.run(guard(scope, None, self._keep))
        self.status = self.sent[0].get("status", 101)
        self.headers = {name.decode().lower(): value.decode() for name, value in self.sent[0].get("headers", ())}
        self.body = b"".join(message.get("body", b"") for message in self.sent)

    async def _keep(self, message):
        self.sent.append(message)

    @property
    def cookie(self):
        return self.headers["set-cookie"].partition(";")[0]


@pytest.fixture
def guard():
    return AccessMiddleware(inner, Access(TOKEN))


@pytest.fixture
def cookie(guard):
    return ("cookie", Asked(guard, query=f"token={TOKEN}").cookie)


def test_the_token_becomes_a_cookie_and_leaves_the_address(guard):
    answer = Asked(guard, "/results", query=f"job=1%262&token={TOKEN}&x=")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "edgepress-8510"
    assert rest.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert (answer.status, answer.headers["location"]) == (303, "./results?job=1%262&x=")
    assert TOKEN not in answer.body.decode() + str(answer.headers)
    assert Asked(guard, "/results", headers=[("cookie", f"other=1; {answer.cookie}")]).body == b"the app"


def test_behind_https_the_cookie_is_secure(guard):
    assert "; Secure" in Asked(guard, query=f"token={TOKEN}", scheme="https").headers["set-cookie"]


@pytest.mark.parametrize("path", ["//evil.example/a", "/\\evil.example", "/a/%2f%2fevil.example", '/"><script>'])
def test_the_way_in_leads_nowhere_else(guard, path):
    redirected = Asked(guard, path, query=f"token={TOKEN}").headers["location"]
    linked = fetched("cross-site", "navigate", "document")
    body = Asked(guard, path, query=f"token={TOKEN}", headers=linked).body.decode()
    (target,) = [part.partition('"')[0] for part in body.split("url=")[1:]]
    assert target == redirected
    assert target.startswith("./")
    assert "/" not in target[2:]
    assert "<script" not in body


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", []),
        ("token=", []),
        ("token=wrong", []),
        (f"token={TOKEN[:-1]}", []),
        (f"Token={TOKEN}", []),
        ("", [("cookie", "edgepress-8510=")]),
        ("", [("cookie", f"edgepress-8510={TOKEN}")]),
        ("", [("cookie", "edgepress-8510=é")]),
        ("", [("authorization", f"token {TOKEN}")]),
    ],
)
def test_without_token_there_is_a_readable_refusal(guard, query, headers):
    answer = Asked(guard, query=query, headers=headers)
    assert answer.status == 403
    assert "Open the address that the window of EdgePress shows" in answer.body.decode()
    assert "请打开 EdgePress 窗口里显示的地址" in answer.body.decode()
    assert "set-cookie" not in answer.headers


def test_the_cookie_of_another_port_or_start_is_none(guard, cookie):
    assert Asked(guard, host="127.0.0.1:8511", headers=[cookie]).status == 403
    assert Asked(AccessMiddleware(inner, Access("u" * 43)), headers=[cookie]).status == 403


def test_a_second_cookie_of_the_same_name_does_not_lock_out(guard, cookie):
    assert Asked(guard, headers=[("cookie", f"edgepress-8510=planted; {cookie[1]}")]).status == 200


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:8510", "127.0.0.1.evil.example", "localhost@evil.example", "127.0.0.2",
     "127.0.0.1:8510/x", "127.0.0.1:x", "[::1", "localhost evil.example", "evil.example#127.0.0.1"],
)  # fmt: skip
def test_under_any_other_name_nothing_is_served(guard, cookie, host):
    for path in ("/", "/_stcore/health"):
        assert Asked(guard, path, host=host, headers=[cookie], query=f"token={TOKEN}").status == 400
    assert Asked(guard, kind="websocket", host=host, headers=[cookie, ("origin", f"http://{host}")]).status == 400


def test_two_names_at_once_are_refused(guard, cookie):
    assert Asked(guard, headers=[("host", "evil.example"), cookie]).status == 400


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:9999", "http://localhost:8510", "https://evil.example", "null", ""]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_pages_of_other_origins_get_nothing(guard, cookie, origin, kind):
    assert Asked(guard, kind=kind, headers=[cookie, ("origin", origin)]).status == 403


def test_a_websocket_must_name_its_page(guard, cookie):
    assert Asked(guard, kind="websocket", headers=[cookie]).status == 403
    assert Asked(guard, kind="websocket", headers=[cookie, ("origin", f"http://{HOST}")]).status == 101
    assert Asked(guard, kind="websocket", headers=[("origin", f"http://{HOST}")], query=f"token={TOKEN}").status == 403


def test_a_websocket_server_that_cannot_send_pages_refuses_too(guard):
    sent = []

    async def keep(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": [(b"host", HOST.encode())]}
    asyncio.run(guard(scope, None, keep))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def fetched(site, mode="no-cors", dest="image"):
    return [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]


def test_other_pages_may_link_here_but_not_embed_or_read(guard, cookie):
    for site in ("cross-site", "same-site"):  # another port of this computer is "same-site", and gets the cookie
        assert Asked(guard, headers=[cookie, *fetched(site)]).status == 403
        assert Asked(guard, headers=[cookie, *fetched(site, "navigate", "iframe")]).status == 403
        assert Asked(guard, headers=[cookie, *fetched(site, "navigate", "document")]).status == 200
        assert Asked(guard, method="POST", headers=[cookie, *fetched(site, "navigate", "document")]).status == 403
    for site in ("same-origin", "none"):
        assert Asked(guard, headers=[cookie, *fetched(site)]).status == 200


def test_the_health_check_needs_no_token_and_no_other_method_or_path_is_one(guard):
    assert Asked(guard, "/_stcore/health").body == b"the app"
    assert Asked(guard, "/_stcore/health", method="POST").status == 403
    assert Asked(guard, "/x/_stcore/health").status == 403
    assert Asked(guard, "/_stcore/health", kind="websocket").status == 403
    assert Asked(AccessMiddleware(inner, Access(TOKEN), "/x/"), "/x/_stcore/health").status == 200


def test_every_answer_has_the_headers_and_a_route_may_be_stricter(guard, cookie):
    answers = [
        Asked(guard),
        Asked(guard, host="evil.example"),
        Asked(guard, kind="websocket"),
        Asked(guard, headers=[cookie]),
    ]
    answers += [Asked(guard, "/_stcore/health"), Asked(guard, query=f"token={TOKEN}")]
    for answer in answers:
        assert answer.headers.keys() >= REQUIRED
        assert "evil" not in str(answer.headers)
    assert Asked(guard, "/stricter", headers=[cookie]).headers["content-security-policy"] == "default-src 'none'"


def test_an_error_of_the_app_is_a_page_with_headers_and_without_details(guard, cookie):
    answers = []

    async def keep(message):
        answers.append(message)

    headers = [(b"host", HOST.encode()), (b"cookie", cookie[1].encode())]
    scope = {"type": "http", "method": "GET", "path": "/broken", "query_string": b"", "headers": headers}
    with pytest.raises(RuntimeError):  # for the server's log
        asyncio.run(guard(scope, None, keep))
    assert answers[0]["status"] == 500
    assert {name.decode() for name, _ in answers[0]["headers"]} >= REQUIRED
    assert b"secret detail" not in answers[1]["body"]


def test_the_policy_allows_no_other_place_and_no_foreign_script(guard):
    rules = dict(rule.partition(" ")[::2] for rule in Asked(guard).headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-src"] == rules["frame-ancestors"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert rules["connect-src"] == f"'self' ws://{HOST} wss://{HOST}"
    assert "*" not in "".join(rules.values())


def test_behind_a_proxy_that_asks_who_people_are_no_token_is_needed_but_all_else_is_checked():
    guard = AccessMiddleware(inner, access.read({access.TOKEN: "off", access.HOSTS: "press.example"}))
    assert Asked(guard, host="press.example").body == b"the app"
    assert (
        Asked(guard, kind="websocket", host="press.example", headers=[("origin", "https://press.example")]).status
        == 101
    )
    assert Asked(guard, host="evil.example").status == 400
    assert Asked(guard, host="press.example", headers=[("origin", "https://evil.example")]).status == 403


def test_a_ticket_opens_once(guard):
    pass_ = access.ticket(TOKEN)
    answer = Asked(guard, query=f"token={pass_}")
    assert Asked(guard, headers=[("cookie", answer.cookie)]).status == 200
    assert Asked(guard, query=f"token={pass_}").status == 403
    assert Asked(guard, query=f"token={access.ticket('u' * 43)}").status == 403
    assert Asked(guard, query=f"token={pass_[:-1]}").status == 403


def test_an_old_ticket_opens_nothing(guard, monkeypatch):
    pass_ = access.ticket(TOKEN)
    later = time.time() + 301
    monkeypatch.setattr("time.time", lambda: later)
    assert Asked(guard, query=f"token={pass_}").status == 403
