"""What the host itself sends goes through the broker, one hop and no further."""

from __future__ import annotations

import httpx
import pytest

from strangers import broker, redirect, response, saying, stranger
from wardian.egress import Egress
from wardian.egress.transport import BrokeredTransport

pytestmark = pytest.mark.anyio


def client(egress: Egress, **bounds: int) -> httpx.AsyncClient:
    chosen = {"seconds": 5, "response_bytes": 1000} | bounds
    transport = BrokeredTransport(egress, "acme", **chosen)
    return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=True)


async def test_a_request_arrives_as_it_was_meant() -> None:
    async with stranger() as server, broker() as egress, client(egress) as http:
        answer = await http.post(
            f"{server.url}/token?x=1", content=b"a=b", headers={"x-one": "1", "user-agent": "me"}
        )

    (heard,) = server.heard
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (heard.method, heard.target, heard.body) == ("POST", "/token?x=1", b"a=b")
    assert (heard.header("x-one"), heard.header("user-agent")) == ("1", "me")


async def test_a_redirect_is_not_followed_by_anybody() -> None:
    async with stranger() as other:
        away = saying(redirect(f"{other.url}/token", 307))
        async with stranger(away) as server, broker() as egress, client(egress) as http:
            with pytest.raises(httpx.RequestError, match="redirect") as caught:
                await http.post(f"{server.url}/token", content=b"secret")

    assert type(caught.value) is httpx.RequestError
    assert other.heard == []


async def test_an_address_that_is_not_of_the_internet_is_refused() -> None:
    async with stranger() as server, broker("10.0.0.0/8") as egress, client(egress) as http:
        with pytest.raises(httpx.RequestError, match="refused by the operator") as caught:
            await http.get(server.url)

    assert type(caught.value) is httpx.RequestError
    assert server.connections == 0


async def test_an_answer_is_bounded() -> None:
    long = saying(response(b"x" * 2000))
    async with stranger(long) as server, broker() as egress, client(egress) as http:
        with pytest.raises(httpx.RequestError, match="more than the 1000 bytes"):
            await http.get(server.url)


async def test_an_address_with_two_meanings_is_none() -> None:
    async with broker() as egress, client(egress) as http:
        with pytest.raises(httpx.RequestError, match="not an address"):
            await http.get("https://user:canary@id.example/")
