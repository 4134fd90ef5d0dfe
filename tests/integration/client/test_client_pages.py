"""Lists in pages, changes made from what was seen, and the name that a change has."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asking import CALLED, KEY, Waiting, asking, good, in_turn, problem
from strangers import Stranger, stranger
from wardian.client import AsyncClient, Client, errors

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def tenants(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "created_at": "2030-01-01T10:00:00Z"} for name in names]


def link(cursor: str) -> tuple[str, str]:
    return ("link", f'</api/v1/tenants?limit=2&cursor={cursor}>; rel="next"')


async def each_tenant(kind: str, server: Stranger, **asked: Any) -> list[str]:
    if kind == "async":
        async with AsyncClient(server.url, KEY) as client:
            return [found.name async for found in client.each(client.tenants.list, **asked)]

    def blocked() -> list[str]:
        with Client(server.url, KEY) as client:
            return [found.name for found in client.each(client.tenants.list, **asked)]

    return await asyncio.to_thread(blocked)


async def test_a_list_is_iterated_over_to_its_last_page(kind: str) -> None:
    pages = in_turn(
        good(tenants("a", "b"), link("one_-")),
        good(tenants(), link("two")),
        good(tenants("c")),
    )
    async with stranger(pages) as server:
        assert await each_tenant(kind, server, limit=2) == ["a", "b", "c"]
    assert [heard.target.partition("?")[2] for heard in server.heard] == [
        "limit=2",
        "limit=2&cursor=one_-",
        "limit=2&cursor=two",
    ]


async def test_pages_have_a_length_where_none_is_given(kind: str) -> None:
    async with stranger(in_turn(good(tenants("a")))) as server:
        assert await each_tenant(kind, server) == ["a"]
    assert server.heard[0].target.endswith("?limit=100")


@pytest.mark.parametrize(
    "header", ["", "garbage", '</x?cursor=a>; rel="prev"', '</x?limit=1>; rel="next"']
)
async def test_a_link_that_leads_nowhere_ends_the_list(kind: str, header: str) -> None:
    async with (
        stranger(in_turn(good(tenants("a"), ("link", header)))) as server,
        asking(kind, server.url) as ask,
    ):
        page = await ask(lambda client: client.tenants.list(limit=1))
    assert (page.next, [each.name for each in page]) == (None, ["a"])


POLICY = {"unsigned": "warn", "stale": "warn"}


async def test_a_change_is_made_from_what_was_seen(kind: str) -> None:
    answers = in_turn(good(POLICY, ("etag", '"7.x"')), problem("precondition-failed", 412))
    async with stranger(answers) as server, asking(kind, server.url) as ask:
        policy = await ask(lambda client: client.trust.policy())
        assert policy.etag == '"7.x"'
        with pytest.raises(errors.PreconditionFailed):
            await ask(lambda c: c.trust.set_policy(stale="refuse", if_match=policy.etag))
    assert [heard.header("if-match") for heard in server.heard] == [None, '"7.x"']


async def test_a_change_has_the_client_s_name_and_its_own_before_it(kind: str) -> None:
    async with (
        stranger(in_turn(good([]), good(POLICY), None, good(CALLED))) as server,
        asking(kind, server.url, clock=Waiting().clock, idempotency_key="theirs") as ask,
    ):
        await ask(lambda client: client.plugins.list())
        await ask(lambda client: client.trust.set_policy(stale="warn"))
        await ask(lambda client: client.call("p", "f"))
        await ask(lambda client: client.call("p", "f", idempotency_key="mine"))
    names = [heard.header("idempotency-key") for heard in server.heard]
    assert names == [None, "theirs", "theirs", "theirs", "mine"]
