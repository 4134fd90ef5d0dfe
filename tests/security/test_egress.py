"""Attacks at the edge of the network: guests that want elsewhere, and servers that are hostile.

Everything is real but the strangers: sockets, TLS, the broker, the capability.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from authorities import Authority
from callings import calling, refusing, unguarded
from strangers import (
    Heard,
    Names,
    Reply,
    broker,
    by_path,
    few,
    redirect,
    request,
    response,
    saying,
    stranger,
)
from wardian.capabilities import CallContext
from wardian.capabilities.http import Guard, Http
from wardian.egress import Egress
from wardian.egress.addresses import CLOSED
from wardian.egress.tls import Authorities
from wardian.policy.bindings import Binding, parse_binding
from wardian.policy.limits import MIB, Limits
from wardian.policy.outgoing import Outgoing
from wardian.policy.permissions import parse_permission
from wardian.policy.secret import Secret
from wardian.policy.urls import Url

pytestmark = pytest.mark.anyio

CANARY = "canary-5f1d8c"

EVERYWHERE = ("http:request:*:http://*", "http:request:*:https://*")


class Bearer:
    """A credential in a header."""

    name = "github"
    secrets = (Secret(CANARY),)

    def __init__(self, *bound: str) -> None:
        self._bound: list[Binding] = [parse_binding(text) for text in bound]

    def covers(self, url: Url) -> bool:
        return any(each.covers(url) for each in self._bound)

    def apply(self, outgoing: Outgoing) -> Outgoing:
        header = ("authorization", f"Bearer {CANARY}")
        return replace(outgoing, headers=(*outgoing.headers, header))


class Canaries:
    """Finds the canary as it stands."""

    def found(self, text: str | bytes) -> bool:
        return CANARY in text if isinstance(text, str) else CANARY.encode() in text

    def redacted(self, text: Any) -> Any:
        if isinstance(text, str):
            return text.replace(CANARY, "[secret]")
        return text.replace(CANARY.encode(), b"[secret]")


def holding(egress: Egress, *bound: str) -> Http:
    """The capability with one credential."""

    async def guards(call: CallContext, credential: str | None) -> Guard:
        return Guard(None if credential is None else Bearer(*bound), Canaries())

    return Http(egress, guards)


async def sent(http: Http, call: CallContext, url: str, **fields: Any) -> Mapping[str, Any]:
    return await http.send(call, request(url, **fields))


# -- where requests may not go ---------------------------------------------------------------


@pytest.mark.parametrize("network", CLOSED, ids=str)
async def test_e1_no_closed_address_is_reached_by_its_number(network: Any) -> None:
    address = network[min(1, network.num_addresses - 1)]
    host = f"[{address}]" if address.version == 6 else str(address)
    # Link-local is closed whatever else is open.
    async with broker("198.51.100.7/32") as egress:
        with refusing("denied", "refused by the operator: it is not on the internet"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), f"http://{host}/")
        assert egress.counts().sockets == 0


@pytest.mark.parametrize("network", CLOSED, ids=str)
async def test_e1_no_closed_address_is_reached_by_a_name(network: Any) -> None:
    names = Names(a_test=[["93.184.215.14", str(network[0])]])
    async with broker("198.51.100.7/32", resolver=names) as egress:
        with refusing("denied", "https://a.test is refused") as refusal:
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), "https://a.test/")

    assert str(network[0]) not in refusal.text


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "①②⑦.0.0.1", "127。0。0。1",
     "[::1%25lo]", "127.0.0.1@example.org", "example.org\\@127.0.0.1", "%31%32%37.0.0.1"],
)  # fmt: skip
async def test_e4_a_host_in_disguise_is_refused_before_anybody_is_asked(host: str) -> None:
    names = Names()
    async with broker(resolver=names) as egress:
        with refusing("invalid", "is not an address for a request"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), f"http://{host}/")

    assert names.asked == []


@pytest.mark.parametrize(
    "host",
    ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
     "[::127.0.0.1]", "[64:ff9b::169.254.169.254]", "[::ffff:169.254.169.254]"],
)  # fmt: skip
async def test_e4_an_ipv4_address_inside_another_is_judged_as_what_it_is(host: str) -> None:
    async with broker("198.51.100.7/32") as egress:
        with refusing("denied", "not on the internet"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), f"http://{host}/")


async def test_e2_a_name_that_changes_its_answer_is_not_asked_again_for_the_connection() -> None:
    """The address that was checked is the one that is connected to."""
    async with stranger() as good, stranger(host="127.0.0.9") as evil:
        names = Names(a_test=[["127.0.0.1"], ["127.0.0.9"]])
        evil_port, good_port = evil.port, good.port
        async with broker("127.0.0.1/32", resolver=names) as egress:
            http, call = Http(egress, unguarded), calling(*EVERYWHERE)
            answer = await sent(http, call, f"http://a.test:{good_port}/")
            assert answer["body"] == b"ok"
            assert names.asked == ["a.test"]
            with refusing("denied", "not on the internet"):
                await sent(http, call, f"http://a.test:{evil_port}/")

    assert (good.connections, evil.connections) == (1, 0)


async def test_e2_a_kept_connection_is_not_used_for_a_name_that_has_moved() -> None:
    names = Names(a_test=[["127.0.0.1"], ["127.0.0.2"]])
    async with stranger(host="0.0.0.0") as server, broker(resolver=names) as egress:
        http, call = Http(egress, unguarded), calling(*EVERYWHERE)
        for _ in range(3):
            await sent(http, call, f"http://a.test:{server.port}/")

    assert [each.connection for each in server.heard] == [1, 2, 2]
    assert {each.header("host") for each in server.heard} == {f"a.test:{server.port}"}


async def test_e1_the_hosts_own_address_is_refused_though_it_were_of_the_internet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stranger() as server, broker("198.51.100.7/32") as egress:
        monkeypatch.setattr(egress._rules, "closed", lambda address, port: None)
        with refusing("denied", "it is this host itself"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url)

    assert server.heard == []


@pytest.mark.parametrize(
    ("location", "case"),
    [
        ("http://169.254.169.254/latest/meta-data/", "denied"),
        ("http://10.0.0.1/", "denied"),
        ("http://[::ffff:10.0.0.1]/", "denied"),
        ("//192.168.0.1/x", "denied"),
        ("http://2130706433/", "unavailable"),
        ("file:///etc/passwd", "unavailable"),
        ("gopher://127.0.0.1:6379/_x", "unavailable"),
        ("http://user:pw@127.0.0.1/", "unavailable"),
        ("/%2e%2e/admin", "unavailable"),
    ],
)
async def test_e3_a_redirect_is_judged_like_the_first_request(location: str, case: Any) -> None:
    async with stranger(saying(redirect(location))) as server, broker() as egress:
        with refusing(case):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url)

    assert len(server.heard) == 1


async def test_e3_a_redirect_needs_the_permission_for_where_it_leads() -> None:
    async with (
        stranger() as other,
        stranger(saying(redirect(other.url))) as server,
        broker() as egress,
    ):
        with refusing("denied", f"http:request:GET:{other.url}/ is refused by the manifest"):
            await sent(Http(egress, unguarded), calling(server.grant()), server.url)

    assert other.connections == 0


async def test_e3_a_chain_of_redirects_ends() -> None:
    async with stranger(saying(redirect("/again"))) as server, broker() as egress:
        with refusing("unavailable", "more than 5 redirects"):
            await sent(Http(egress, unguarded), calling(server.grant()), server.url)

    assert len(server.heard) == 6


@pytest.mark.parametrize(
    "path",
    ["/public/../admin", "/public/%2e%2e/admin", "/public/%252e%252e/admin", "/public//admin",
     "/public/..%2fadmin", "/public/..;/admin", "/public/..\\admin", "/public/%2e%2e%5cadmin"],
)  # fmt: skip
async def test_a_path_that_a_server_may_read_otherwise_does_not_go_out(path: str) -> None:
    async with stranger() as server, broker() as egress:
        call = calling(f"http:request:GET:{server.url}/public/*")
        with refusing("invalid"):
            await sent(Http(egress, unguarded), call, server.url + path)

    assert server.connections == 0


async def test_what_is_judged_is_what_is_asked_for_on_the_wire() -> None:
    async with stranger() as server, broker() as egress:
        call = calling(f"http:request:GET:{server.url}/~a/b%7Cc;d=%2F?e=%5B*")
        await sent(
            Http(egress, unguarded), call, f"HTTP://127.0.0.1:{server.port}/%7ea/b|c;d=%2f?e=[1]"
        )

    assert [each.target for each in server.heard] == ["/~a/b%7Cc;d=%2F?e=%5B1%5D"]


async def test_a_query_does_not_make_a_path_of_another_one() -> None:
    async with stranger() as server, broker() as egress:
        call = calling(f"http:request:GET:{server.url}/repos/*/logo")
        with refusing("denied"):
            await sent(Http(egress, unguarded), call, f"{server.url}/repos/x/settings?/logo")

    assert server.connections == 0


async def test_what_is_excluded_stays_so_in_other_spellings_and_with_a_query() -> None:
    async with stranger() as server, broker() as egress:
        call = calling(server.grant())
        excluded = parse_permission(f"http:request:*:{server.url}/admin")
        call.authority = replace(call.authority, excluded=(excluded,))
        for path in ("/admin", "/%61dmin", "/admin?x=1"):
            with refusing("denied", "refused by the operator"):
                await sent(Http(egress, unguarded), call, server.url + path)

    assert server.connections == 0


async def test_e6_nothing_in_the_environment_leads_requests_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    async with stranger() as proxy, stranger() as server, broker() as egress:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url)

    assert proxy.connections == 0
    (heard,) = server.heard
    assert heard.header("authorization") is None


# -- credentials -----------------------------------------------------------------------------


async def test_d7_a_credential_goes_where_it_is_bound_to_and_nowhere_else() -> None:
    async with stranger() as server, stranger() as other, broker() as egress:
        http = holding(egress, f"{server.url}/api/")
        call = calling(*EVERYWHERE, "credentials:use:github")
        for path in ("/api/", "/api/x?y"):
            await sent(http, call, server.url + path, credential="github")
        for url in (f"{server.url}/apis", f"{server.url}/", f"{other.url}/api/"):
            with refusing("denied", "'github' is not bound to"):
                await sent(http, call, url, credential="github")

    carried = [each.header("authorization") for each in server.heard]
    assert carried == [f"Bearer {CANARY}", f"Bearer {CANARY}"]
    assert other.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_d7_a_redirect_to_another_origin_gets_no_credential_and_no_header_of_the_guests(
    status: int,
) -> None:
    async with stranger() as other:
        away = saying(redirect(f"{other.url}/x", status))
        async with stranger(away) as server, broker() as egress:
            http = holding(egress, server.url)
            await sent(
                http,
                calling(*EVERYWHERE, "credentials:use:github"),
                server.url,
                credential="github",
                headers=[("x-token", "mine"), ("cookie", "mine"), ("accept", "text/html")],
            )

    (first,), (second,) = server.heard, other.heard
    assert first.header("authorization") == f"Bearer {CANARY}"
    assert first.header("cookie") == "mine"
    names = {name for name, _ in second.headers}
    assert names == {"host", "accept", "user-agent", "accept-encoding"}


async def test_d7_after_a_redirect_a_credential_is_put_in_where_it_is_bound_to() -> None:
    pages = {
        "/api/old": redirect("/between"),
        "/between": redirect("/api/new"),
        "/api/new": response(),
    }
    async with stranger(by_path(pages)) as server, broker() as egress:
        http = holding(egress, f"{server.url}/api/")
        call = calling(*EVERYWHERE, "credentials:use:github")
        await sent(http, call, f"{server.url}/api/old", credential="github")

    carried = [each.header("authorization") for each in server.heard]
    assert carried == [f"Bearer {CANARY}", None, f"Bearer {CANARY}"]


@pytest.mark.parametrize(
    "fields",
    [
        {"url": f"/x?key={CANARY}"},
        {"headers": [("x-key", CANARY)]},
        {"method": "POST", "body": b"a" * 200_000 + CANARY.encode()},
    ],
)
async def test_d6_a_request_that_carries_a_credential_already_is_denied(
    fields: dict[str, Any],
) -> None:
    async with stranger() as server, broker() as egress:
        url = server.url + fields.pop("url", "/")
        with refusing("denied", "it carries a credential") as refusal:
            await sent(holding(egress), calling(*EVERYWHERE), url, **fields)

    assert server.connections == 0
    assert CANARY not in refusal.text


async def test_d6_a_server_that_says_a_credential_back_is_not_heard_saying_it() -> None:
    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        said = heard.header("authorization") or ""
        body = gzip.compress(said.encode() + b"." * 100_000)
        writer.write(response(body, 401, [("x-said", said), ("content-encoding", "gzip")]))

    async with stranger(echo) as server, broker() as egress:
        call = calling(*EVERYWHERE, "credentials:use:github")
        answer = await sent(holding(egress, server.url), call, server.url, credential="github")

    assert CANARY not in repr(answer)
    assert ("x-said", "Bearer [secret]") in answer["headers"]
    assert answer["body"].startswith(b"Bearer [secret]...")


@pytest.mark.parametrize("name", ["range", "Range", "if-range", "if_range"])
async def test_d6_a_credential_is_not_read_back_part_by_part(name: str) -> None:
    async with stranger() as server, broker() as egress:
        http = holding(egress, server.url)
        call = calling(*EVERYWHERE, "credentials:use:github")
        fields: dict[str, Any] = {"headers": [(name, "bytes=0-3")]}
        with refusing("invalid", "goes with no credential"):
            await sent(http, call, server.url, credential="github", **fields)
        assert server.connections == 0

        assert (await sent(http, call, server.url, **fields))["status"] == 200


@pytest.mark.parametrize("where", ["https://{}.evil.test/", "/x?{}", "ftp://{}/"])
async def test_a_redirect_that_says_a_credential_back_is_refused_without_it(where: str) -> None:
    away = saying(redirect(where.format(CANARY)))
    async with stranger(away) as server, broker() as egress:
        call = calling(server.grant(), "credentials:use:github")
        with pytest.raises(Exception) as refused:  # noqa: PT011 -- whichever, its text counts
            await sent(holding(egress, server.url), call, server.url, credential="github")

    assert CANARY not in str(refused.value)
    assert len(server.heard) == 1


async def test_a_redirect_that_says_a_credential_back_is_noted_by_nobody() -> None:
    async with stranger(saying(redirect(f"/landed/{CANARY}"))) as server, broker() as egress:
        call = calling(server.grant(), "credentials:use:github")
        noted: list[str] = []
        call.observer = lambda permission, layer, authority: noted.append(str(permission))
        with refusing("denied", "carries a credential"):
            await sent(holding(egress, server.url), call, server.url, credential="github")

    assert noted
    assert CANARY not in repr(noted)


async def test_a_body_without_its_credential_does_not_tell_how_long_that_was() -> None:
    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(response((heard.header("authorization") or "nothing").encode()))

    async with stranger(echo) as server, broker() as egress:
        call = calling(*EVERYWHERE, "credentials:use:github")
        http = holding(egress, server.url)
        answer = await sent(http, call, server.url, credential="github")
        whole = await sent(http, call, server.url)

    assert answer["body"] == b"Bearer [secret]"
    assert answer["headers"] == []
    assert whole["headers"] == [("content-length", "7")]


async def test_no_library_logs_what_a_server_says(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        said = heard.header("authorization") or ""
        writer.write(response(said.encode(), 200, [("x-said", said)]))

    caplog.set_level(1)
    async with stranger(echo) as server, broker() as egress:
        call = calling(*EVERYWHERE, "credentials:use:github")
        await sent(holding(egress, server.url), call, server.url, credential="github")
        assert CANARY not in caplog.text

        # What somebody else does with the same library is theirs to log.
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(server.url, headers={"authorization": "told"})
    assert "told" in caplog.text


async def test_no_cookie_is_kept() -> None:
    biscuit = response(headers=[("set-cookie", "a=b"), ("set-cookie", "c=d")])
    async with stranger(saying(biscuit)) as server, broker() as egress:
        call = calling(*EVERYWHERE)
        answer = await sent(Http(egress, unguarded), call, server.url)
        await sent(Http(egress, unguarded), call, server.url)

    assert answer["headers"][:2] == [("set-cookie", "a=b"), ("set-cookie", "c=d")]
    assert server.heard[1].header("cookie") is None


@pytest.mark.parametrize(
    "header",
    [("Host", "evil.test"), ("authorization", "Bearer x"), ("Content-Length", "0"),
     ("Transfer-Encoding", "chunked"), ("Connection", "x-a"), ("Proxy-Authorization", "x"),
     ("x-a", "b\r\nhost: evil.test"), ("x-a\r\nhost", "evil.test"), ("Upgrade", "h2c"),
     ("Expect", "100-continue"), ("TE", "trailers"), ("x-a", "\x00"), (":authority", "evil.test"),
     ("content_length", "0"), ("Transfer_Encoding", "chunked"), ("proxy_x", "y"),
     ("X-HTTP-Method-Override", "DELETE"), ("x_method_override", "PUT"),
     ("X-Original-URL", "/admin"), ("X-Rewrite-Url", "/admin")],
)  # fmt: skip
async def test_d8_a_header_of_the_hosts_or_with_another_inside_is_invalid(
    header: tuple[str, str],
) -> None:
    async with stranger() as server, broker() as egress:
        with refusing("invalid"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url, headers=[header])

    assert server.connections == 0


# -- servers that are hostile ----------------------------------------------------------------


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


async def endless(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"10000\r\n" + os.urandom(0x10000) + b"\r\n")
        await writer.drain()


async def dripping(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"content-length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


async def announcing(heard: Heard, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 100)
        await writer.drain()


async def mute(heard: Heard, writer: asyncio.StreamWriter) -> None:
    await heard.reader.read()


def bomb(coding: str) -> Reply:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    body = pack(b"\0" * 20 * MIB)
    return saying(response(body, headers=[("content-encoding", coding)]))


ENDLESS: dict[str, tuple[Reply, str]] = {
    "a body without an end": (endless, "exhausted"),
    "a body that drips": (dripping, "exhausted"),
    "announcements without an end": (announcing, "exhausted"),
    "silence": (mute, "exhausted"),
    "a gzip bomb": (bomb("gzip"), "exhausted"),
    "a deflate bomb": (bomb("deflate"), "exhausted"),
}

BROKEN: dict[str, bytes] = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "nothing": b"",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    "a header with a control character": HEAD + b"x: a\x01b\r\ncontent-length: 0\r\n\r\n",
    "a header with a null": HEAD + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "a header without a name": HEAD + b": x\r\ncontent-length: 0\r\n\r\n",
    "a header that never ends": HEAD + b"x: " + b"x" * 200_000,
    "too many headers": HEAD + b"x: y\r\n" * 500 + b"content-length: 0\r\n\r\n",
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length that is none": HEAD + b"content-length: -1\r\n\r\n",
    "a length and chunks": HEAD
    + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of no size": CHUNKED + b"zz\r\nab\r\n",
    "a chunk with an endless extension": CHUNKED + b"1;" + b"x" * 200_000,
    "a chunk that is longer than it says": CHUNKED + b"1\r\nabc\r\n0\r\n\r\n",
    "a body that stops short": HEAD + b"content-length: 10\r\n\r\nabc",
    "chunks that stop short": CHUNKED + b"5\r\nhello\r\n",
    "a coding within the chunks": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding that was not asked for": response(b"x", headers=[("content-encoding", "br")]),
    "no gzip": response(b"hello", headers=[("content-encoding", "gzip")]),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_e5_a_response_without_an_end_ends_and_its_connection_with_it(name: str) -> None:
    reply, case = ENDLESS[name]
    async with stranger(reply) as server, broker() as egress:
        call = calling(*EVERYWHERE, limits=Limits(wall_seconds=10))
        with refusing(case):  # type: ignore[arg-type]
            await sent(Http(egress, unguarded), call, server.url, timeout_ms=400)
        await server.ended.wait()
        assert egress.counts().sockets == egress.counts().held_bytes == 0
        assert call.budget.usage.http_bytes_received < 10 * MIB


@pytest.mark.parametrize("name", BROKEN)
async def test_a_response_that_is_not_http_is_unavailable_and_its_connection_closed(
    name: str,
) -> None:
    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(BROKEN[name])
        await writer.drain()
        writer.close()

    async with stranger(reply) as server, broker() as egress:
        with refusing("unavailable"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url)
        assert egress.counts().sockets == 0


async def test_what_comes_after_a_response_is_nobodys_response() -> None:
    more = response(b"of nobody")
    async with stranger(saying(response(b"first") + more)) as server, broker() as egress:
        call = calling(server.grant())
        answers = [await sent(Http(egress, unguarded), call, server.url) for _ in range(3)]

    assert [each["body"] for each in answers] == [b"first"] * 3
    assert server.connections == 3


async def test_e5_a_body_is_bounded_by_what_the_call_may_have_at_once() -> None:
    body = bytes(range(256)) * 8
    async with stranger(saying(response(body))) as server, broker() as egress:
        http = Http(egress, unguarded)
        call = calling(*EVERYWHERE, limits=Limits(result_bytes=2048, argument_bytes=100))
        assert (await sent(http, call, server.url))["body"] == body
        call = calling(*EVERYWHERE, limits=Limits(result_bytes=2047))
        with refusing("exhausted", "more than the 2047 bytes of this call"):
            await sent(http, call, server.url)
        call = calling(*EVERYWHERE, limits=Limits(argument_bytes=100))
        with refusing("exhausted", "this call may send 100"):
            await sent(http, call, server.url, method="POST", body=b"x" * 101)


async def test_all_that_is_read_at_once_is_bounded_and_a_tenant_has_half_of_it() -> None:
    async def halting(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"content-length: 3000\r\n\r\n" + b"x" * 2000)
        await heard.reader.read()

    async with stranger(halting) as server, broker(held_bytes_max=8000) as egress:
        http = Http(egress, unguarded)
        reading: list[asyncio.Task[Any]] = []
        for tenant, held in (("a", 2000), ("a", 4000), ("b", 6000)):
            call = calling(*EVERYWHERE, tenant=tenant)
            reading.append(asyncio.create_task(sent(http, call, server.url)))
            while egress.counts().held_bytes < held:
                await asyncio.sleep(0.001)
            if held == 4000:
                with refusing("exhausted", "as much of responses as it may"):
                    await sent(http, calling(*EVERYWHERE, tenant="a"), server.url)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        assert egress.counts().held_bytes == 0


async def test_who_closes_a_kept_connection_is_asked_again_unless_that_could_do_harm() -> None:
    async def once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.target == "/close":
            writer.close()
        else:
            writer.write(response())

    async with stranger(once) as server, broker() as egress:
        http, call = Http(egress, unguarded), calling(*EVERYWHERE)
        await sent(http, call, server.url)
        with refusing("unavailable"):
            await sent(http, call, f"{server.url}/close")
        assert [each.target for each in server.heard] == ["/", "/close", "/close"]
        await sent(http, call, server.url)
        with refusing("unavailable"):
            await sent(http, call, f"{server.url}/close", method="POST")

    assert [each.target for each in server.heard][3:] == ["/", "/close"]


# -- TLS -------------------------------------------------------------------------------------


async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org at your service")
    await reader.read(1)
    writer.close()


async def test_a_certificate_is_believed_if_its_authority_is_known_and_it_is_for_the_host(
    tmp_path: Path,
) -> None:
    ours, theirs = Authority(), Authority()
    file = tmp_path / "ca.pem"
    file.write_bytes(ours.certificate_pem)
    names = Names(good_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    good = ours.server_context("good.test", tmp_path)
    unknown = theirs.server_context("good.test", tmp_path)
    seen: list[str | None] = []
    good.sni_callback = lambda _, name, __: seen.append(name)
    async with (
        stranger(tls=good) as server,
        stranger(tls=unknown) as stray,
        broker(resolver=names, authorities=Authorities(file)) as egress,
    ):
        http, call = Http(egress, unguarded), calling(*EVERYWHERE)
        answer = await sent(http, call, f"https://good.test:{server.port}/")
        assert answer["body"] == b"ok"
        with refusing("unavailable", "certificate of https://other.test.*not valid for"):
            await sent(http, call, f"https://other.test:{server.port}/")
        with refusing("unavailable", "certificate of https://good.test.*not good"):
            await sent(http, call, f"https://good.test:{stray.port}/")
        plain = await asyncio.start_server(greeting, "127.0.0.1", 0)
        async with plain:
            port = plain.sockets[0].getsockname()[1]
            with refusing("unavailable", f"https://good.test:{port} does not speak TLS"):
                await sent(http, call, f"https://good.test:{port}/")

    assert seen == ["good.test", "other.test"]
    assert stray.heard == []


async def test_without_the_operators_authority_its_certificates_are_not_believed(
    tmp_path: Path,
) -> None:
    context = Authority().server_context("127.0.0.1", tmp_path)
    async with stranger(tls=context) as server, broker() as egress:
        with refusing("unavailable", "self-signed certificate|unable to get local issuer"):
            await sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url)

    assert server.heard == []


# -- many at once ----------------------------------------------------------------------------


async def test_connections_are_used_again_by_their_tenant_and_by_no_other() -> None:
    async with stranger() as server, broker() as egress:
        http = Http(egress, unguarded)
        for tenant in ("a", "a", "b", "a", "b"):
            await sent(http, calling(*EVERYWHERE, tenant=tenant), server.url)

    assert [each.connection for each in server.heard] == [1, 1, 2, 1, 2]


async def test_a_thousand_requests_at_once_stay_within_few_sockets_and_little_memory() -> None:
    body = os.urandom(100_000)
    most_sockets = most_running = 0

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        nonlocal most_sockets, most_running
        counts = egress.counts()
        most_sockets = max(most_sockets, counts.sockets)
        most_running = max(most_running, counts.running)
        writer.write(response(body))

    async def one(http: Http, tenant: str, url: str) -> int:
        limits = Limits(wall_seconds=300, http_requests=1)
        answer = await sent(http, calling(*EVERYWHERE, tenant=tenant, limits=limits), url)
        return len(answer["body"])

    async with stranger(reply) as server, broker(shares=few(20, per_tenant=15)) as egress:
        http = Http(egress, unguarded)
        tracemalloc.start()
        try:
            sizes = await asyncio.gather(
                *(one(http, f"t{at % 4}", server.url) for at in range(1000))
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert egress.counts().waiting == egress.counts().running == 0

    assert sizes == [100_000] * 1000
    assert len(server.heard) == 1000
    assert most_sockets <= 20
    assert most_running == 20
    assert peak < 50 * MIB  # half of what all of the bodies take


async def test_whoever_asks_for_too_much_at_once_is_refused_and_others_are_served() -> None:
    async def by_tenant(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.target == "/slow":
            await heard.reader.read()
        writer.write(response())

    shares = few(4, per_tenant=2, waiting_per_tenant=50)
    async with stranger(by_tenant) as server, broker(shares=shares) as egress:
        http = Http(egress, unguarded)
        call = calling(*EVERYWHERE, tenant="greedy", limits=Limits(http_requests=1_000))
        greedy = [
            asyncio.create_task(sent(http, call, f"{server.url}/slow", timeout_ms=5_000))
            for _ in range(500)
        ]
        await asyncio.sleep(0.05)
        refused = [task for task in greedy if task.done()]
        assert len(refused) == 500 - 52
        assert {task.exception().case for task in refused} == {"exhausted"}  # type: ignore[union-attr]
        answer = await sent(http, calling(*EVERYWHERE, tenant="modest"), server.url)
        assert answer["body"] == b"ok"
        for task in greedy:
            task.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)
        assert egress.counts().running == egress.counts().waiting == 0


async def test_a_call_that_is_cancelled_closes_its_connection() -> None:
    async with stranger(mute) as server, broker() as egress:
        task = asyncio.create_task(sent(Http(egress, unguarded), calling(*EVERYWHERE), server.url))
        while not server.heard:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.ended.wait()
        assert egress.counts().sockets == egress.counts().running == 0


async def test_a_grant_that_is_revoked_while_a_request_waits_stops_it() -> None:
    release = asyncio.Event()

    async def held(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(response())

    async with stranger(held) as server, broker(shares=few(1)) as egress:
        http = Http(egress, unguarded)
        first = asyncio.create_task(sent(http, calling(*EVERYWHERE), server.url))
        while not server.heard:
            await asyncio.sleep(0.001)
        call = calling(*EVERYWHERE)
        second = asyncio.create_task(sent(http, call, server.url))
        while not egress.counts().waiting:
            await asyncio.sleep(0.001)
        call.authority = replace(call.authority, granted=())
        release.set()
        await first
        with refusing("denied", "refused by the grant"):
            await second

    assert len(server.heard) == 1


async def test_a_grant_that_is_revoked_stops_the_next_redirect() -> None:
    call = calling(*EVERYWHERE)

    async def revoking(heard: Heard, writer: asyncio.StreamWriter) -> None:
        call.authority = replace(call.authority, granted=())
        writer.write(redirect("/next"))

    async with stranger(revoking) as server, broker() as egress:
        with refusing("denied", "refused by the grant"):
            await sent(Http(egress, unguarded), call, server.url)

    assert [each.target for each in server.heard] == ["/"]


async def test_what_is_closed_is_told_without_its_address_and_as_quickly_as_anything() -> None:
    """No port is tried, so there is nothing to be learnt of which are open."""
    names = Names(inside_test=[["10.1.2.3"]])
    async with stranger() as server, broker("127.0.0.1/32:1", resolver=names) as egress:
        for url in (f"http://inside.test:{server.port}/", server.url):
            with refusing("denied", "in no network that this host is set to allow") as refusal:
                await sent(Http(egress, unguarded), calling(*EVERYWHERE), url)
            assert "10.1.2.3" not in refusal.text

    assert server.connections == 0
