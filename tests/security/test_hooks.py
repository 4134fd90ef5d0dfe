"""Row E-7: forged, repeated and changed webhooks, and what strangers could learn from refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import pytest

import senders
from guests.webhooks import HANDLE
from hosts import FakeHost, fake_host, package
from wardian.api.app import app_over
from wardian.api.receiving import RECEIVING_OF_ADDRESS_MAX, Receiving
from wardian.crypto.macs import hmac_by
from wardian.errors import DeadlineExceeded, GuestError, RateLimited, TryLater
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.hooks import Incoming
from wardian.runtime.hooks.incoming import Place
from wardian.runtime.hooks.rates import BURST_SECONDS, RatePolicy, Rates
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

WEBHOOKS = """
[[webhooks]]
name = "github"
recipe = "github"

[[webhooks]]
name = "stripe"
recipe = "stripe"

[[webhooks]]
name = "standard"
recipe = "standard-webhooks"

[[webhooks]]
name = "events"
recipe = "standard-webhooks"
event = "orders.received"

[[webhooks]]
name = "slack"
recipe = "custom"

[webhooks.signature]
header = "x-slack-signature"
prefix = "v0="
signed = "v0:{timestamp}:{body}"

[webhooks.timestamp]
header = "x-slack-request-timestamp"

[[webhooks]]
name = "joined"
recipe = "custom"

[webhooks.signature]
header = "x-signature"
signed = "{id}{body}"

[webhooks.delivery_id]
header = "x-id"
"""
KEYS = {
    "github": senders.SECRET,
    "stripe": senders.SECRET,
    "standard": senders.STANDARD_SECRET,
    "events": senders.STANDARD_SECRET,
    "slack": senders.SECRET,
    "joined": senders.SECRET,
}


class Handler:
    """A plugin's handler: remembers what it was given, and answers what it is told to."""

    def __init__(self) -> None:
        self.given: list[Mapping[str, Any]] = []
        self.replies: list[Any] = []
        self.entered = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        self.given.append(arguments["webhook"])
        self.entered.set()
        await self.released.wait()
        reply = self.replies.pop(0) if self.replies else {"status": 200, "body": "thanks"}
        if isinstance(reply, Exception):
            raise reply
        return reply


class Receiver:
    """A host with a plugin that receives webhooks, spoken to as their senders do."""

    def __init__(self, made: FakeHost, client: httpx.AsyncClient, handler: Handler) -> None:
        self.made = made
        self.host = made.host
        self.client = client
        self.handler = handler

    async def send(
        self, name: str, body: bytes, headers: Mapping[str, str], plugin: str = "p"
    ) -> httpx.Response:
        path = f"/api/v1/hooks/default/{plugin}/{name}"
        return await self.client.post(path, content=body, headers=dict(headers))

    async def refused(self, name: str) -> dict[str, int]:
        return (await self.host.hooks.show("p", name)).refused


@asynccontextmanager
async def receiving(folder: Path, **settings: Any) -> AsyncIterator[Receiver]:
    handler = Handler()
    async with fake_host(folder / "state", {HANDLE: handler}, **settings) as made:
        await made.host.install(package("p", more=WEBHOOKS), grants="all")
        for name, key in KEYS.items():
            await made.host.credentials.set(senders.key_order(name, key, "p"))
        app = app_over(made.host, Settings(data_dir=folder, **settings))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            yield Receiver(made, client, handler)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with receiving(tmp_path) as found:
        yield found


def said(response: httpx.Response) -> tuple[int, dict[str, Any], set[str]]:
    """All of an answer but what names the request."""
    body = response.json()
    del body["request_id"], body["instance"]
    return response.status_code, body, set(response.headers)


async def test_a_signed_request_reaches_the_handler_without_what_carried_the_signature(
    receiver: Receiver,
) -> None:
    body = '{"ä": 1.0, "a":  "\\u00e4"}'.encode()
    headers = {
        **senders.github(body, delivery="d1"),
        "authorization": "Bearer wdn_of-somebody-who-mistook-the-address",
        "cookie": "a=b",
    }

    answer = await receiver.send("github", body, headers)

    assert (answer.status_code, answer.text) == (200, "thanks")
    (given,) = receiver.handler.given
    assert (given["name"], given["delivery-id"]) == ("github", "d1")
    assert given["body"] == body.decode()
    shown = dict(given["headers"])
    assert shown["x-github-event"] == "issues"
    for name in ("x-hub-signature", "x-hub-signature-256", "authorization", "cookie"):
        assert name not in shown
    code = headers["x-hub-signature-256"].removeprefix("sha256=")
    assert code not in str(given)
    assert senders.SECRET not in str(given)


async def test_every_known_shape_is_taken_as_its_sender_signs_it(receiver: Receiver) -> None:
    body = senders.stripe_body()
    at = str(senders.seconds())
    code = senders.hmac.new(
        senders.SECRET.encode(), f"v0:{at}:".encode() + body, "sha256"
    ).hexdigest()
    slack = {"x-slack-signature": f"v0={code}", "x-slack-request-timestamp": at}

    for name, headers in (
        ("stripe", senders.stripe(body)),
        ("standard", senders.standard(body)),
        ("slack", slack),
    ):
        assert (await receiver.send(name, body, headers)).status_code == 200, name
    assert [given["name"] for given in receiver.handler.given] == ["stripe", "standard", "slack"]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}'),
        (b'{"a": 1}', b'{"a":1}'),
        (b'{"a": "\xc3\xa4"}', b'{"a": "\\u00e4"}'),
        (b'{"a": 1}', b'{"a": 1}\n'),
        (b'{"a": 1}', b'{"a": 1.0}'),
        (b"a", b"a\0"),
        (b"a", b""),
    ],
)
@pytest.mark.parametrize("name", ["github", "stripe", "standard", "events"])
async def test_a_body_that_means_the_same_in_other_bytes_is_another(
    receiver: Receiver, name: str, body: bytes, changed: bytes
) -> None:
    sign = {"github": senders.github, "stripe": senders.stripe}.get(name, senders.standard)

    answer = await receiver.send(name, changed, sign(body))

    assert answer.status_code == 401
    assert receiver.handler.given == []
    assert await receiver.host.events.recent(1, "orders.*", tenant="default") == []
    assert await receiver.refused(name) == {"wrong-signature": 1}


async def test_who_does_not_have_the_key_is_refused_whatever_is_sent(receiver: Receiver) -> None:
    body = b"{}"
    signed = senders.github(body)
    code = signed["x-hub-signature-256"]
    forgeries = [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": code[:-2]},
        {"x-hub-signature-256": code.removeprefix("sha256=")},
        {"x-hub-signature-256": code.replace("sha256=", "sha1=")},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": senders.github(body, "another")["x-hub-signature-256"]},
        {"x-hub-signature": signed["x-hub-signature"]},
    ]
    for forgery in forgeries:
        headers = {"x-github-delivery": "d", **forgery}
        assert (await receiver.send("github", body, headers)).status_code == 401, forgery
    assert receiver.handler.given == []
    assert sum((await receiver.refused("github")).values()) == len(forgeries)


@pytest.mark.parametrize("apart", [-3_600, -302, 302, 3_600, 10**11])
@pytest.mark.parametrize("name", ["stripe", "standard"])
async def test_what_was_signed_too_long_ago_or_too_far_ahead_is_refused(
    receiver: Receiver, name: str, apart: int
) -> None:
    body = senders.stripe_body()
    sign = senders.stripe if name == "stripe" else senders.standard

    answer = await receiver.send(name, body, sign(body, at=senders.seconds() + apart))

    assert answer.status_code == 401
    assert receiver.handler.given == []
    assert await receiver.refused(name) == {"outside-tolerance": 1}


async def test_a_new_moment_on_an_old_signature_is_a_forgery(receiver: Receiver) -> None:
    body = senders.stripe_body()
    old = senders.seconds() - 3_600
    headers = senders.stripe(body, at=old)
    fresh = headers["stripe-signature"].replace(f"t={old}", f"t={senders.seconds()}")

    assert (await receiver.send("stripe", body, {"stripe-signature": fresh})).status_code == 401
    assert await receiver.refused("stripe") == {"wrong-signature": 1}


async def test_a_signature_for_another_webhook_plugin_or_tenant_is_none_here(
    receiver: Receiver,
) -> None:
    host, body = receiver.host, b"{}"
    await host.tenants.create("acme")
    await host.install(package("p", more=WEBHOOKS), grants="all", tenant="acme")
    await host.install(package("q", more=WEBHOOKS), grants="all")
    await host.credentials.set(senders.key_order("github", "acme's own key", "p"), tenant="acme")
    await host.credentials.set(senders.key_order("github", "the key of q", "q"))
    ours, theirs = senders.github(body), senders.github(body, "acme's own key")

    for path, headers in (
        ("default/p/github", theirs),
        ("acme/p/github", ours),
        ("default/q/github", ours),
        ("default/p/stripe", ours),
        ("default/p/standard", ours),
    ):
        sent = await receiver.client.post(f"/api/v1/hooks/{path}", content=body, headers=headers)
        assert sent.status_code == 401, path
    assert receiver.handler.given == []

    sent = await receiver.client.post("/api/v1/hooks/acme/p/github", content=body, headers=theirs)
    assert sent.status_code == 200


async def test_the_same_id_twice_is_handled_once(receiver: Receiver) -> None:
    body = b'{"n": 1}'
    for name, headers in (
        ("github", senders.github(body)),
        ("standard", senders.standard(body)),
    ):
        receiver.handler.given.clear()
        first = await receiver.send(name, body, headers)
        second = await receiver.send(name, body, headers)

        assert (first.status_code, second.status_code) == (200, 200)
        assert second.headers["wardian-repeated"] == "true"
        assert len(receiver.handler.given) == 1
        assert (await receiver.host.hooks.show("p", name)).repeated == 1


async def test_an_id_signed_anew_is_still_the_same_delivery(receiver: Receiver) -> None:
    body, at = b"{}", senders.seconds()
    for moment in (at, at + 1):
        headers = senders.standard(body, at=moment, message="msg_1")
        assert (await receiver.send("standard", body, headers)).status_code == 200

    assert len(receiver.handler.given) == 1


async def test_another_id_that_nobody_signed_makes_no_other_delivery(receiver: Receiver) -> None:
    body = b'{"n": 1}'
    headers = senders.github(body, delivery="seen")
    await receiver.send("github", body, headers)

    again = await receiver.send("github", body, {**headers, "x-github-delivery": "invented"})

    assert again.headers["wardian-repeated"] == "true"
    assert len(receiver.handler.given) == 1


async def test_what_was_signed_cannot_be_cut_elsewhere_into_an_id_and_a_body(
    receiver: Receiver,
) -> None:
    at = int(time.time())
    body = f'{{"text":"x.{at}.forged"}}'.encode()
    signed = senders.standard(body, message="msg_1")
    moment = signed["webhook-timestamp"]
    cut = {
        **signed,
        "webhook-id": f'msg_1.{moment}.{{"text":"x',
        "webhook-timestamp": str(at),
    }

    forged = await receiver.send("standard", b'forged"}', cut)

    assert forged.status_code == 401
    assert receiver.handler.given == []


async def test_an_id_that_runs_into_the_body_makes_no_other_delivery_when_it_is_cut_shorter(
    receiver: Receiver,
) -> None:
    code = hmac_by("sha256", senders.SECRET.encode(), b"d12{}").hex()

    answers = [
        await receiver.send("joined", body, {"x-signature": code, "x-id": each})
        for each, body in (("d12", b"{}"), ("d1", b"2{}"), ("d", b"12{}"))
    ]

    assert [each.headers.get("wardian-repeated") for each in answers] == [None, "true", "true"]
    assert [each["delivery-id"] for each in receiver.handler.given] == ["d12"]


async def test_many_of_one_delivery_at_once_are_handled_once(receiver: Receiver) -> None:
    body = b"{}"
    headers = senders.standard(body, message="msg_1")
    receiver.handler.released.clear()
    first = asyncio.create_task(receiver.send("standard", body, headers))
    await receiver.handler.entered.wait()

    others = [await receiver.send("standard", body, headers) for _ in range(5)]
    receiver.handler.released.set()

    assert (await first).status_code == 200
    assert {each.status_code for each in others} == {503}
    assert all(int(each.headers["retry-after"]) >= 1 for each in others)
    after = await receiver.send("standard", body, headers)
    assert (after.status_code, after.headers["wardian-repeated"]) == (200, "true")
    assert len(receiver.handler.given) == 1


async def test_many_of_one_event_at_once_are_published_once(receiver: Receiver) -> None:
    body = b'{"order": 7}'
    headers = senders.standard(body, message="msg_1")

    answers = await asyncio.gather(*(receiver.send("events", body, headers) for _ in range(10)))

    assert {each.status_code for each in answers} == {202}
    (event,) = await receiver.host.events.recent(10, "orders.*", tenant="default")
    assert (event.topic, event.source) == ("orders.received", "plugin:p")
    assert event.value()["body"] == body.decode()
    assert event.value()["delivery-id"] == "msg_1"
    assert "webhook-signature" not in dict(event.value()["headers"])
    assert receiver.handler.given == []


@pytest.mark.parametrize(
    "failure",
    [
        GuestError(payload="the database is away"),
        DeadlineExceeded(),
        {"status": 302, "body": ""},
        {"status": 500, "body": ""},
        {"status": 199, "body": ""},
    ],
)
async def test_what_failed_is_handled_when_it_is_sent_again(
    receiver: Receiver, failure: Any
) -> None:
    body = b"{}"
    headers = senders.standard(body, message="msg_1")
    receiver.handler.replies.append(failure)

    first = await receiver.send("standard", body, headers)
    second = await receiver.send("standard", body, headers)

    assert first.status_code == 500
    assert first.json()["type"] == "/problems/webhook-failed"
    assert "database" not in first.text
    assert second.status_code == 200
    assert "wardian-repeated" not in second.headers
    assert len(receiver.handler.given) == 2


async def test_what_the_plugin_rejects_may_be_sent_again(receiver: Receiver) -> None:
    body, headers = b"{}", senders.standard(b"{}")
    receiver.handler.replies.append({"status": 409, "body": "<script>"})

    first = await receiver.send("standard", body, headers)

    assert (first.status_code, first.text) == (409, "<script>")
    assert first.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await receiver.send("standard", body, headers)).status_code == 200
    assert (await receiver.host.hooks.show("p", "standard")).rejected == 1


async def test_while_a_key_is_replaced_the_old_and_the_new_are_taken(receiver: Receiver) -> None:
    host, new = receiver.host, "the-key-that-is-to-be"
    await host.credentials.set(senders.key_order("github.next", new, "p"))

    for body, key in ((b"1", senders.SECRET), (b"2", new)):
        answer = await receiver.send("github", body, senders.github(body, key))
        assert answer.status_code == 200

    await host.credentials.set(senders.key_order("github", new, "p"))
    await host.credentials.remove("github.next", plugin="p")
    answer = await receiver.send("github", b"3", senders.github(b"3"))
    assert answer.status_code == 401
    answer = await receiver.send("github", b"4", senders.github(b"4", new))
    assert answer.status_code == 200


async def test_a_key_of_the_tenant_s_is_no_next_one_of_a_plugin_s_own(receiver: Receiver) -> None:
    await receiver.host.credentials.set(senders.key_order("github.next", "of-the-tenant"))

    answer = await receiver.send("github", b"{}", senders.github(b"{}", "of-the-tenant"))

    assert answer.status_code == 401


@pytest.mark.parametrize("key", ["whsec_", "whsec_!!", "!"])
async def test_a_key_that_is_empty_or_unreadable_verifies_nothing(
    receiver: Receiver, key: str
) -> None:
    await receiver.host.credentials.set(senders.key_order("standard", key, "p"))
    body = b"{}"
    headers = senders.standard(body)
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = senders.hmac.new(b"", message, "sha256").digest()
    headers["webhook-signature"] = f"v1,{senders.base64.b64encode(code).decode()}"

    assert (await receiver.send("standard", body, headers)).status_code == 401
    (warning,) = (await receiver.host.hooks.show("p", "standard")).warnings
    assert "empty" in warning
    assert key not in warning.replace("'standard'", "")


async def test_another_kind_of_credential_an_expired_one_or_none_verifies_nothing(
    receiver: Receiver,
) -> None:
    host, body = receiver.host, b"{}"
    headers = senders.github(body)
    gone = senders.datetime(2020, 1, 1, tzinfo=senders.UTC)
    await host.credentials.set(senders.key_order("github", senders.SECRET, "p", expires_at=gone))
    assert (await receiver.send("github", body, headers)).status_code == 401

    await host.credentials.remove("github", plugin="p")
    assert (await receiver.send("github", body, headers)).status_code == 401
    assert (await receiver.refused("github"))["no-credential"] == 1

    order = senders.CredentialOrder(
        name="github", kind="bearer", fields={"token": senders.SECRET}, plugin="p"
    )
    await host.credentials.set(order)
    assert (await receiver.send("github", body, headers)).status_code == 401
    assert receiver.handler.given == []


async def test_no_refusal_tells_what_there_is(receiver: Receiver) -> None:
    body, headers = b"{}", senders.github(b"{}", "a guess")
    await receiver.host.install(package("off", more=WEBHOOKS), grants="all", enable=False)
    paths = [
        "default/p/github",
        "default/p/none",
        "default/none/github",
        "none/p/github",
        "default/off/github",
        "DEFAULT/p/github",
        "default/p/git%00hub",
        "%2e%2e/%2e%2e/%2e%2e",
        "a" * 300 + "/b/c",
    ]
    for sent in ({}, headers, {**headers, "x-github-delivery": ""}):
        answers = [
            await receiver.client.post(f"/api/v1/hooks/{path}", content=body, headers=sent)
            for path in paths
        ]
        for path, each in zip(paths, answers, strict=True):
            assert said(each) == said(answers[0]), path
        assert answers[0].status_code == 401
    for path in paths:
        sent = {"content-encoding": "gzip"}
        answer = await receiver.client.post(f"/api/v1/hooks/{path}", content=b"", headers=sent)
        assert answer.status_code == 415, path


async def test_a_refusal_asks_as_much_of_the_database_whatever_there_is(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not a clock, which another process may stop, but what the time is spent on.
    statements: list[str] = []
    execute = "wardian.storage.database.Connection.execute"

    # The host's own work goes on beside it, in tasks that began before.
    is_request = ContextVar("is_request", default=False)
    is_request.set(True)

    async def counted(self: Any, statement: Any, parameters: Any = None) -> Any:
        if is_request.get():
            statements.append(str(statement))
        return await self._execute(statement, parameters)

    monkeypatch.setattr(execute, counted)
    seen = []
    headers = senders.github(b"{}", "a guess")
    for path in ("default/p/github", "default/p/none", "default/none/a", "none/none/none"):
        for sent in ({}, headers):
            statements.clear()
            await receiver.client.post(f"/api/v1/hooks/{path}", content=b"{}", headers=sent)
            seen.append(list(statements))

    assert all(each == seen[0] for each in seen)
    assert len(seen[0]) == 2


async def test_a_plugin_that_takes_no_calls_has_its_senders_come_again(
    receiver: Receiver,
) -> None:
    body = b"{}"
    await receiver.host.disable("p")

    for name, headers in (
        ("github", senders.github(body)),
        ("events", senders.standard(body)),
    ):
        answer = await receiver.send(name, body, headers)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        await receiver.host.enable("p")
        assert (await receiver.send(name, body, headers)).status_code in (200, 202)
        await receiver.host.disable("p")
    assert (await receiver.host.hooks.show("p", "github")).unavailable == 1


async def test_an_event_that_the_plugin_may_not_publish_is_not_published(
    receiver: Receiver,
) -> None:
    await receiver.host.set_grants("p", ["kv:read"])
    body = b"{}"

    answer = await receiver.send("events", body, senders.standard(body))

    assert answer.status_code == 503
    assert await receiver.host.events.recent(1, "orders.*", tenant="default") == []


async def test_what_is_no_text_or_more_than_an_event_can_have_is_refused(
    receiver: Receiver,
) -> None:
    body = b"\xff\xfe"
    answer = await receiver.send("github", body, senders.github(body))
    assert answer.status_code == 400

    body = b'"' + b"a" * 300_000 + b'"'
    answer = await receiver.send("events", body, senders.standard(body))
    assert answer.status_code == 413
    assert receiver.handler.given == []
    assert (await receiver.host.hooks.show("p", "events")).unreadable == 1


async def test_too_many_or_too_large_headers_are_refused(receiver: Receiver) -> None:
    many = {f"x-{number}": "" for number in range(101)}
    for headers, status in ((many, 431), ({"x-large": "a" * 33_000}, 413)):
        answer = await receiver.send("github", b"{}", {**senders.github(b"{}"), **headers})
        assert answer.status_code == status
    assert receiver.handler.given == []


async def test_while_the_vault_is_sealed_nobody_learns_more(tmp_path: Path) -> None:
    async with receiving(tmp_path):
        pass
    (tmp_path / "state" / "root.key").unlink()
    async with fake_host(tmp_path / "state", {HANDLE: Handler()}) as made:
        app = app_over(made.host, Settings(data_dir=tmp_path))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            answers = [
                await client.post(f"/api/v1/hooks/{path}", content=b"{}")
                for path in ("default/p/github", "none/p/github")
            ]
    assert said(answers[0]) == said(answers[1])
    assert answers[0].status_code == 503
    assert "retry-after" in answers[0].headers


async def test_a_flood_of_forgeries_is_stopped_before_anything_is_read(tmp_path: Path) -> None:
    async with receiving(tmp_path, hook_rate_max=0.5) as receiver:
        answers = [await receiver.send("github", b"{}", {}) for _ in range(30)]
        unknown = [await receiver.send("none", b"{}", {}) for _ in range(30)]
        verified = await receiver.host.hooks.show("p", "github")

    codes = [each.status_code for each in answers]
    assert codes[:20] == [401] * 20
    assert codes[21:] == [429] * 9
    assert answers[-1].headers["retry-after"]
    # To be counted says nothing of whether there is something.
    assert [each.status_code for each in unknown] == codes
    assert sum(verified.refused.values()) <= 21


async def test_a_flood_of_signed_requests_is_stopped_too(tmp_path: Path) -> None:
    async with receiving(tmp_path, hook_rate_max=0.5) as receiver:
        codes = []
        for number in range(12):
            body = str(number).encode()
            codes.append((await receiver.send("github", body, senders.github(body))).status_code)

        assert codes[:5] == [200] * 5
        assert codes[-3:] == [429] * 3
        assert (await receiver.refused("github"))["too-many-requests"] >= 3


@pytest.mark.parametrize(
    ("addresses", "other"),
    [
        (["192.0.2.1", "::ffff:192.0.2.1"], "::ffff:192.0.2.2"),
        (["2001:db8::1", "2001:db8::2:1", "2001:db8:0:0:ffff::"], "2001:db8:0:1::1"),
    ],
)
def test_one_sender_holds_up_no_other_with_bodies_that_do_not_arrive(
    addresses: list[str], other: str
) -> None:
    receiving_ = Receiving()
    with ExitStack() as arriving:
        for number in range(RECEIVING_OF_ADDRESS_MAX):
            arriving.enter_context(receiving_.one(addresses[number % len(addresses)]))
        for address in addresses:
            with pytest.raises(TryLater), receiving_.one(address):
                pass
        with receiving_.one(other):
            pass
    with receiving_.one(addresses[0]):
        pass


def test_rates_count_a_webhook_and_its_tenant_and_forget_nobody() -> None:
    at = 0.0
    rates = Rates(RatePolicy(per_second=1.0), clock=lambda: at)
    burst = int(BURST_SECONDS)

    def taken(place: Place, times: int) -> int:
        count = 0
        for _ in range(times):
            try:
                rates.accept(place)
            except RateLimited:
                return count
            count += 1
        return count

    assert taken(Place("a", "p", "n"), 50) == burst
    # Who asks at places without number gets no more of the tenant's share …
    assert sum(taken(Place("a", "p", f"n{number}"), 50) for number in range(50)) == 3 * burst
    # … and another tenant has its own.
    assert taken(Place("b", "p", "n"), 50) == burst
    at = 2.0
    assert taken(Place("a", "p", "n"), 50) == 2


async def test_what_was_refused_is_told_and_counted_without_a_word_of_it(
    receiver: Receiver,
) -> None:
    for _ in range(3):
        await receiver.send("github", b"a-body-of-a-stranger", senders.github(b"other"))

    await receiver.host.hooks.counting.tell()
    await receiver.host.hooks.counting.flush()

    (event,) = await receiver.host.events.recent(1, "plugin.webhooks-refused", tenant="default")
    assert event.value()["webhooks"] == {"github": {"wrong-signature": 3}}
    assert "stranger" not in event.data
    assert await receiver.refused("github") == {"wrong-signature": 3}
    assert b'outcome="wrong-signature"' in await receiver.host.metrics()


async def test_codes_are_compared_in_constant_time_with_every_key_and_signature(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    computed: list[bytes] = []
    hmac_by = senders.hmac.digest

    def is_same(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return senders.hmac.compare_digest(left, right)

    def counted(algorithm: str, key: bytes, message: bytes) -> bytes:
        computed.append(message)
        return hmac_by(key, message, algorithm)

    monkeypatch.setattr("wardian.vault.verifying.is_same", is_same)
    monkeypatch.setattr("wardian.vault.verifying.hmac_by", counted)
    body = b"{}"
    for name, headers in (
        ("github", senders.github(body)),
        ("github", senders.github(body, "a guess")),
        ("github", {}),
        ("none", {}),
    ):
        compared.clear()
        computed.clear()
        await receiver.send(name, body, headers)
        assert (len(compared), computed) == (2, [body, body]), name


async def test_deliveries_are_forgotten_when_they_are_old_or_too_many(tmp_path: Path) -> None:
    async with receiving(tmp_path, hook_deliveries_kept=3) as receiver:
        for number in range(8):
            body = str(number).encode()
            answer = await receiver.send("standard", body, senders.standard(body))
            assert answer.status_code == 200

        removed = await receiver.host.hooks.upkeep.prune("default")

        assert removed == 5
        assert await receiver.host.hooks.upkeep.prune("default") == 0


async def test_a_request_from_within_is_taken_as_one_over_http(receiver: Receiver) -> None:
    body = b"{}"
    incoming = Incoming(
        place=Place("default", "p", "github"),
        headers=list(senders.github(body).items()),
        body=body,
    )

    assert (await receiver.host.hooks.receive(incoming)).status == 200
