"""Lists in pages."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from wardian.api.cursors import InPages, page_of
from wardian.api.problems import install_handlers

pytestmark = pytest.mark.anyio

NAMES = [f"name-{number:03}" for number in range(25)]


class Lists:
    """An application with two lists."""

    def __init__(self) -> None:
        self.names = list(NAMES)
        self.app = FastAPI()
        install_handlers(self.app)

        @self.app.get("/names")
        async def names(paging: InPages, kind: str = "any") -> Response:
            return page_of(self.names, paging, lambda each: (each,))

        @self.app.get("/numbers")
        async def numbers(paging: InPages) -> Response:
            return page_of(list(range(25)), paging, lambda each: (each,), {"ETag": '"x"'})


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
async def client(lists: Lists) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=lists.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://host", trust_env=False
    ) as opened:
        yield opened


async def pages(client: httpx.AsyncClient, path: str) -> AsyncIterator[list[Any]]:
    while True:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if "next" not in answer.links:
            return
        path = answer.links["next"]["url"]


async def test_a_list_is_whole_unless_a_page_is_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("/names")
    assert answer.json() == NAMES
    assert "link" not in answer.headers


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 1_000])
async def test_pages_have_every_item_once(client: httpx.AsyncClient, limit: int) -> None:
    for path, all_of in (("/names", NAMES), ("/numbers", list(range(25)))):
        found = [page async for page in pages(client, f"{path}?limit={limit}")]
        assert [each for page in found for each in page] == all_of
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1]


async def test_what_comes_and_goes_meanwhile_shifts_nothing(
    client: httpx.AsyncClient, lists: Lists
) -> None:
    drawn = random.Random(7)
    seen: list[str] = []
    async for page in pages(client, "/names?limit=4"):
        seen += page
        lists.names.remove(page[-1])
        lists.names.append(f"name-{drawn.randrange(100):03}a")
    assert set(NAMES) <= set(seen)
    assert len([each for each in seen if each in NAMES]) == len(NAMES)


async def test_other_parameters_and_headers_stay(client: httpx.AsyncClient) -> None:
    answer = await client.get("/names", params={"kind": "a&b", "limit": 2})
    link = answer.links["next"]["url"]
    assert httpx.URL(link).params["kind"] == "a&b"
    assert (await client.get(link)).json() == NAMES[2:4]
    assert (await client.get("/numbers?limit=3")).headers["etag"] == '"x"'


async def test_a_cursor_alone_has_pages_of_the_usual_length(client: httpx.AsyncClient) -> None:
    link = (await client.get("/names?limit=2")).links["next"]["url"]
    cursor = httpx.URL(link).params["cursor"]
    assert (await client.get("/names", params={"cursor": cursor})).json() == NAMES[2:]


async def test_a_cursor_of_another_list_or_query_is_refused(client: httpx.AsyncClient) -> None:
    link = (await client.get("/names?limit=2")).links["next"]["url"]
    cursor = httpx.URL(link).params["cursor"]
    for path in ("/numbers", "/names?kind=other"):
        refused = await client.get(path, params={**httpx.URL(path).params, "cursor": cursor})
        assert (refused.status_code, refused.json()["path"]) == (400, "query.cursor")


def forged(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "====", "a" * 10_000, "\0", "ä", "%00", forged([]), forged(["q", ["a"]]),
        forged({"query": "q"}), forged(["q", [["nested"]]]), forged(["q", [None]]),
    ],
    ids=map(str, range(12)),
)  # fmt: skip
async def test_what_is_no_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    refused = await client.get("/names", params={"cursor": cursor})
    assert (refused.status_code, refused.json()["path"]) == (400, "query.cursor")


async def test_a_key_of_another_kind_is_refused(client: httpx.AsyncClient) -> None:
    link = (await client.get("/names?limit=2")).links["next"]["url"]
    cursor = httpx.URL(link).params["cursor"]
    query, _ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for after in ([1], ["z", "z"], [], ["zzz"]):
        answer = await client.get("/names", params={"cursor": forged([query, after])})
        assert answer.status_code in (200, 400)
        assert set(answer.json()) <= set(NAMES) or answer.json()["path"] == "query.cursor"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1e3", "9" * 40])
async def test_a_page_has_a_length_that_can_be(client: httpx.AsyncClient, limit: str) -> None:
    assert (await client.get("/names", params={"limit": limit})).status_code == 400
