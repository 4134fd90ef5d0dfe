"""``wardian_sdk.http``: what is sent, and how an answer reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain

Pairs = list[tuple[str, str]]


class Server:
    """Takes what the SDK sends, and answers what it was told to."""

    def __init__(self, bindings: Any) -> None:
        self._answer = bindings.Response
        self.sent: list[Any] = []
        self.status, self.headers, self.body = 200, list[tuple[str, str]](), b""
        self.refusal: Exception | None = None

    @property
    def last(self) -> Any:
        return self.sent[-1]

    def answers(self, status: int = 200, body: bytes = b"", *headers: tuple[str, str]) -> None:
        self.status, self.headers, self.body = status, list(headers), body

    def send(self, request: Any) -> Any:
        self.sent.append(request)
        if self.refusal is not None:
            raise self.refusal
        return self._answer(status=self.status, headers=self.headers, body=self.body)


@pytest.fixture
def http(sdk: Callable[[str], ModuleType]) -> Any:
    return sdk("http")


@pytest.fixture
def server(sdk: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Server:
    bindings = sdk("wit_world.imports.http")
    made = Server(bindings)
    monkeypatch.setattr(bindings, "send", made.send)
    return made


# What is sent


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete"])
def test_each_verb_sends_its_method_and_nothing_else(
    http: Any, server: Server, method: str
) -> None:
    response = getattr(http, method)("https://api.example/x")

    sent = server.last
    assert (sent.method, sent.url) == (method.upper(), "https://api.example/x")
    assert (sent.headers, sent.body, sent.credential, sent.timeout_ms) == ([], None, None, None)
    assert (response.method, response.url) == (sent.method, sent.url)


def test_a_method_of_any_name_is_sent_in_upper_case(http: Any, server: Server) -> None:
    http.request("purge", "https://api.example/x")

    assert server.last.method == "PURGE"


@pytest.mark.parametrize(
    ("url", "params", "asked"),
    [
        ("https://h/a", {"q": "ä b&c", "page": 2}, "https://h/a?q=%C3%A4+b%26c&page=2"),
        ("https://h/a?x=1", {"y": "2"}, "https://h/a?x=1&y=2"),
        ("https://h/a", {"tag": ["a", "b"], "none": None}, "https://h/a?tag=a&tag=b"),
        ("https://h/a", [("t", "1"), ("t", "2")], "https://h/a?t=1&t=2"),
        ("https://h/a", {"yes": True, "no": False}, "https://h/a?yes=true&no=false"),
        ("https://h/a#part", {"y": "2"}, "https://h/a?y=2"),
        ("https://h/a", {}, "https://h/a"),
        ("https://h/a", {"none": None}, "https://h/a"),
    ],
)
def test_parameters_become_the_query(
    http: Any, server: Server, url: str, params: Any, asked: str
) -> None:
    http.get(url, params=params)

    assert server.last.url == asked


@pytest.mark.parametrize(
    ("given", "body", "content_type"),
    [
        (
            {"json": {"name": "Zoë", "n": [1]}},
            '{"name":"Zoë","n":[1]}'.encode(),
            "application/json",
        ),
        ({"json": []}, b"[]", "application/json"),
        ({"json": False}, b"false", "application/json"),
        ({"data": {"a": "b c", "d": 1}}, b"a=b+c&d=1", "application/x-www-form-urlencoded"),
        ({"data": [("a", "1"), ("a", "2")]}, b"a=1&a=2", "application/x-www-form-urlencoded"),
        ({"data": "Zoë"}, "Zoë".encode(), "text/plain; charset=utf-8"),
        ({"data": b"\xff\x00"}, b"\xff\x00", None),
        ({"data": b""}, b"", None),
        ({"json": None, "data": None}, None, None),
    ],
)
def test_a_body_is_sent_with_the_type_it_has(
    http: Any, server: Server, given: dict[str, Any], body: bytes | None, content_type: str | None
) -> None:
    http.post("https://h/a", **given)

    assert server.last.body == body
    assert dict(server.last.headers).get("content-type") == content_type


def test_a_type_of_the_author_s_own_wins(http: Any, server: Server) -> None:
    http.post("https://h/a", json={}, headers={"Content-Type": "application/vnd.acme+json"})

    assert server.last.headers == [("Content-Type", "application/vnd.acme+json")]


def test_two_bodies_or_one_that_is_no_json_are_refused_before_anything_is_sent(
    http: Any, server: Server, sdk: Callable[[str], ModuleType]
) -> None:
    invalid = sdk("wardian_sdk").Invalid

    with pytest.raises(invalid, match="one body"):
        http.post("https://h/a", json={}, data="x")
    with pytest.raises(invalid, match="not representable as JSON"):
        http.post("https://h/a", json={"when": timedelta(1)})

    assert server.sent == []


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [(1, 1000), (0.25, 250), (0.0001, 1), (timedelta(seconds=2), 2000), (float("inf"), 86_400_000)],
)
def test_a_timeout_is_seconds_or_a_timedelta(
    http: Any, server: Server, timeout: Any, milliseconds: int
) -> None:
    http.get("https://h/a", timeout=timeout)

    assert server.last.timeout_ms == milliseconds


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), timedelta(0)])
def test_a_timeout_that_is_none_is_refused(
    http: Any, server: Server, sdk: Callable[[str], ModuleType], timeout: Any
) -> None:
    with pytest.raises(sdk("wardian_sdk").Invalid, match="above 0"):
        http.get("https://h/a", timeout=timeout)
    assert server.sent == []


def test_a_misspelt_keyword_is_told_and_not_left_out(http: Any, server: Server) -> None:
    with pytest.raises(TypeError, match="'credentials'"):
        http.get("https://h/a", credentials="github")
    assert server.sent == []


# Sessions


def test_a_session_gives_its_requests_what_they_have_in_common(http: Any, server: Server) -> None:
    session = http.Session(
        "https://api.example/v3/",
        headers={"Accept": "application/json", "X-Api": "1"},
        credential="github",
        timeout=2,
    )

    session.get("/repos", params={"page": 1}, headers={"accept": "text/html"})

    sent = server.last
    assert sent.url == "https://api.example/v3/repos?page=1"
    assert sent.headers == [("X-Api", "1"), ("accept", "text/html")]
    assert (sent.credential, sent.timeout_ms) == ("github", 2000)


def test_a_request_of_a_session_may_go_elsewhere_and_without_the_credential(
    http: Any, server: Server
) -> None:
    session = http.Session("https://api.example", credential="github")

    session.get("HTTPS://other.example/x", credential=None)
    assert (server.last.url, server.last.credential) == ("HTTPS://other.example/x", None)

    session.get("")
    assert (server.last.url, server.last.credential) == ("https://api.example", "github")


# What is answered


@pytest.mark.parametrize(
    ("status", "ok", "reason"),
    [(200, True, "OK"), (304, True, "Not Modified"), (404, False, "Not Found"), (799, False, "")],
)
def test_a_status_is_told_in_words(
    http: Any, server: Server, status: int, ok: bool, reason: str
) -> None:
    server.answers(status)

    response = http.get("https://h/a")

    assert (response.status_code, response.ok, response.reason) == (status, ok, reason)


def test_a_server_s_refusal_is_raised_on_demand_and_says_what_was_asked(
    http: Any, server: Server
) -> None:
    server.answers(404, b'{"message":\n "no such repository"}')

    with pytest.raises(http.HttpError) as caught:
        http.get("https://h/a").raise_for_status()

    assert str(caught.value) == (
        'GET https://h/a answered 404 Not Found: {"message": "no such repository"}'
    )
    assert caught.value.status_code == 404
    assert caught.value.response.json()["message"] == "no such repository"
    server.answers(204)
    response = http.get("https://h/a")
    assert response.raise_for_status() is response


def test_of_a_long_complaint_the_beginning_is_told(http: Any, server: Server) -> None:
    server.answers(500, b"x" * 100_000)

    with pytest.raises(http.HttpError) as caught:
        http.get("https://h/a").raise_for_status()

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("Denied", "Denied"),
        ("Invalid", "Invalid"),
        ("Exhausted", "Exhausted"),
        ("Unavailable", "Unavailable"),
        ("NotFound", "NotFound"),
    ],
)
def test_what_the_host_refuses_is_the_sdk_s_exception_with_the_host_s_sentence(
    http: Any,
    server: Server,
    sdk: Callable[[str], ModuleType],
    refusal: Callable[[str, str], Exception],
    case: str,
    name: str,
) -> None:
    server.refusal = refusal(case, "The grant does not cover it.")

    with pytest.raises(getattr(sdk("wardian_sdk"), name), match="does not cover it"):
        http.get("https://h/a")


def test_headers_have_no_case_and_lose_nothing(http: Any, server: Server) -> None:
    cookies = [("set-cookie", "a=1; Expires=Wed, 21 Oct 2026"), ("set-cookie", "b=2")]
    server.answers(200, b"", ("x-total", "3"), *cookies)

    headers = http.get("https://h/a").headers

    assert headers["X-Total"] == headers.get("x-total") == "3"
    assert headers.get_all("Set-Cookie") == [value for _, value in cookies]
    assert headers.pairs == (("x-total", "3"), *cookies)
    assert (list(headers), len(headers)) == (["x-total", "set-cookie"], 2)
    assert "X-TOTAL" in headers
    assert headers.get("absent") is None
    with pytest.raises(KeyError):
        headers["absent"]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Zoë".encode(), None, "Zoë"),
        ("Zoë".encode(), "application/json", "Zoë"),
        ("Zoë".encode("latin-1"), None, "Zoë"),
        ("Zoë".encode("latin-1"), "text/html; charset=ISO-8859-1", "Zoë"),
        ("“Zoë”".encode("cp1252"), 'text/html; charset="iso-8859-1"', "“Zoë”"),
        ("Zoë".encode("utf-16"), "text/plain", "Zoë"),
        ("Zoë".encode("utf-16-be"), "text/plain;charset=utf-16be", "Zoë"),
        ("Zoë".encode("utf-32"), None, "Zoë"),
        ("Zoë".encode("utf-8-sig"), "text/plain; charset=utf-8", "Zoë"),
        ("Zoë".encode(), "text/plain; charset=koi8-r", "Zoë"),
        ("Zoë".encode(), "text/plain; charset=no/such codec", "Zoë"),
        (b"Zo\xff", "text/plain; charset=utf-8", "Zo\ufffd"),
        (b"\x81", None, "\ufffd"),
        (b"", None, ""),
    ],
)
def test_text_is_read_by_what_is_stated_or_looks_like_it(
    http: Any, server: Server, body: bytes, content_type: str | None, text: str
) -> None:
    server.answers(200, body, *([("content-type", content_type)] if content_type else []))

    assert http.get("https://h/a").text == text


def test_only_codecs_that_every_plugin_has_are_ever_used(sdk: Callable[[str], ModuleType]) -> None:
    """Importing another one would end the call, and a server says which."""
    answered, preloaded = sdk("_answered"), sdk("_preload").encodings
    used = {*answered._CODECS.values(), *(codec for _, codec in answered._MARKS)} - {"utf-8"}

    for codec in used:
        assert hasattr(preloaded, codec.replace("-", "_")), codec


def test_json_that_is_none_says_what_it_is_instead(http: Any, server: Server) -> None:
    server.answers(200, b"<html>", ("content-type", "text/html"))

    with pytest.raises(ValueError, match=r"^GET https://h/a answered 200 OK with what is no JSON"):
        http.get("https://h/a").json()

    server.answers(200, b"\xff{}")
    with pytest.raises(ValueError, match="no JSON"):
        http.get("https://h/a").json()


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["]]]",', b'["\\"]",'])
def test_json_is_read_to_a_depth_that_a_guest_s_stack_bears(
    http: Any, server: Server, opening: bytes
) -> None:
    closing = b"}" if opening.startswith(b"{") else b"]"
    server.answers(200, opening * 500 + b"1" + closing * 500)
    assert http.get("https://h/a").json()

    for content in (opening * 501 + b"1" + closing * 501, opening * 100_000):
        server.answers(200, content)
        with pytest.raises(ValueError, match="deeper than 500 levels"):
            http.get("https://h/a").json()


def test_json_that_is_wide_or_full_of_brackets_in_texts_is_read(http: Any, server: Server) -> None:
    wide = [{"a": [i, "[[[[{{{{"]} for i in range(1000)]
    server.answers(200, json.dumps(wide).encode())

    assert http.get("https://h/a").json() == wide


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (
            '<https://h/a?page=2>; rel="next", <https://h/a?page=9>; rel="last"',
            {"next": "https://h/a?page=2", "last": "https://h/a?page=9"},
        ),
        ("</b>; rel=next; title=x", {"next": "https://h/b"}),
        ('<?a=1,2>; rel="next prev"', {"next": "https://h/a?a=1,2", "prev": "https://h/a?a=1,2"}),
        ("<x>; title=none", {}),
        ("next", {}),
        ("", {}),
    ],
)
def test_links_lead_to_further_pages(
    http: Any, server: Server, link: str, found: dict[str, str]
) -> None:
    server.answers(200, b"", ("link", link))

    links = http.get("https://h/a").links

    assert {name: each["url"] for name, each in links.items()} == found


def test_a_hostile_header_of_links_takes_no_time(http: Any, server: Server) -> None:
    server.answers(200, b"", ("link", "<" * 50_000 + "; rel=" * 10_000))

    assert http.get("https://h/a").links == {}
