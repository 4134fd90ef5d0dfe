"""Receivers of webhooks on loopback, and hosts that may post to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from hosts import FakeHost, fake_host
from strangers import LOOPBACK, Heard, Reply, Stranger, response
from wardian.runtime.endpoints import EndpointOrder, EndpointView, NewEndpoint
from wardian.tenants import Caller

OPEN: dict[str, Any] = {
    "egress_allowed_networks": (LOOPBACK,),
    "webhook_allow_http": True,
    "webhook_retry_seconds": 0.01,
}
"""Settings with which a host posts to loopback, and tries again at once."""

SECONDS = 30.0
"""How long a test waits for what takes some milliseconds; the machine may be busy."""


@asynccontextmanager
async def posting_host(folder: Path, **settings: Any) -> AsyncIterator[FakeHost]:
    """A host that delivers webhooks."""
    async with fake_host(folder, **OPEN | settings) as made, made.parts.webhooks.kept():
        yield made


async def app(made: FakeHost, *scopes: str, tenant: str = "default", name: str = "shop") -> Caller:
    """A host app, by a key of its own."""
    key = await made.host.keys.create(name, scopes or ("read", "webhooks"), tenant)
    return await made.host.keys.authenticate(key.token)


async def register(made: FakeHost, url: str, caller: Caller, *topics: str) -> NewEndpoint:
    order = EndpointOrder(url=url, topics=topics or ("*",))
    return await made.host.webhooks.endpoints.register(order, caller=caller)


async def publish(
    made: FakeHost, *data: str, topic: str = "orders.new", key: str | None = None
) -> None:
    for each in data:
        await made.host.events.publish("default", topic, each, key=key)


def verified(secret: str, heard: Heard) -> Any:
    """What a receiver takes, as the library of Standard Webhooks judges it."""
    return Webhook(secret).verify(heard.body, dict(heard.headers))


def told(secret: str, heard: Iterable[Heard]) -> list[Any]:
    return [verified(secret, each)["data"] for each in heard]


def in_turn(*replies: bytes) -> Reply:
    """Answer with these one after the other, and with the last again and again."""
    left = list(replies)

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return reply


def status(number: int, *headers: tuple[str, str], body: bytes = b"no") -> bytes:
    return response(body, number, headers)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not met():
            await asyncio.sleep(0.01)


async def heard(receiver: Stranger, count: int) -> Sequence[Heard]:
    """Wait until a receiver has heard so much."""
    await until(lambda: len(receiver.heard) >= count)
    return receiver.heard


async def seen(
    made: FakeHost, endpoint: EndpointView, caller: Caller, met: Callable[[EndpointView], bool]
) -> EndpointView:
    """Wait until an endpoint is seen as it is to be, and return it."""
    async with asyncio.timeout(SECONDS):
        while not met(view := await made.host.webhooks.endpoints.get(endpoint.id, caller=caller)):
            await asyncio.sleep(0.01)
    return view


async def idle(made: FakeHost, endpoint: EndpointView, caller: Caller) -> EndpointView:
    """Wait until nothing waits for an endpoint, and return it."""
    return await seen(made, endpoint, caller, lambda view: view.queued == 0)
