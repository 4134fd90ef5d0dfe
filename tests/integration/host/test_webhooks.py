"""Webhooks to host apps: signed, at least once, in order of keys, and nobody else's business."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from sqlalchemy import select
from standardwebhooks import WebhookVerificationError

from receivers import (
    app,
    heard,
    idle,
    in_turn,
    posting_host,
    publish,
    register,
    seen,
    status,
    told,
    until,
    verified,
)
from strangers import Heard, response, saying, stranger
from wardian.errors import Conflict, Forbidden, InvalidArguments, NotFound, VaultSealed
from wardian.runtime.endpoints import EndpointChange, EndpointOrder
from wardian.storage.tables import endpoint_deliveries

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def test_an_event_reaches_an_app_signed_and_as_a_cloud_event(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller = await app(made)
        endpoint = await register(made, f"{receiver.url}/in?a=b", caller, "orders.*")

        await made.host.events.publish("default", "orders.new", '{"id": 7}', key="k")

        (post,) = await heard(receiver, 1)
        assert (post.method, post.target) == ("POST", "/in?a=b")
        assert post.header("content-type") == "application/cloudevents+json"
        event = verified(endpoint.secret, post)
        assert (event["type"], event["data"]) == ("orders.new", {"id": 7})
        assert event["partitionkey"] == "k"
        assert post.header("webhook-id") == event["id"]
        assert JSONFormat().read(CloudEvent, post.body).get_data() == {"id": 7}
        view = await idle(made, endpoint, caller)
        assert view.last_success_at is not None
        (attempt,) = (
            await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
        ).attempts
        assert (attempt.outcome, attempt.status, attempt.reason) == ("done", 200, "")


async def test_only_the_events_of_the_tenant_that_fit_a_topic_come(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        await made.host.tenants.create("acme")
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*", "stock.low")

        await made.host.events.publish("acme", "orders.new", '"theirs"')
        await publish(made, '"no"', topic="stock.high")
        await publish(made, '"no"', topic="order")
        await publish(made, '"yes"', topic="orders.a.b")
        await publish(made, '"yes"', topic="stock.low")

        posts = await heard(receiver, 2)
        await idle(made, endpoint, caller)
        assert told(endpoint.secret, posts) == ["yes", "yes"]


async def test_what_is_rolled_back_is_posted_to_nobody(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")
        with suppress(KeyError):
            async with made.parts.database.transaction() as connection:
                await made.host.events.record(
                    connection, "default", "orders.undone", {}, correlation_id="c"
                )
                raise KeyError

        await publish(made, "1")

        posts = await heard(receiver, 1)
        await idle(made, endpoint, caller)
        assert told(endpoint.secret, posts) == [1]


async def test_an_app_that_fails_is_tried_again_and_keys_keep_their_order(tmp_path: Path) -> None:
    replies = in_turn(status(500), status(503), response())
    async with posting_host(tmp_path / "data") as made, stranger(replies) as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, "1", "2", "3", key="k")

        posts = await heard(receiver, 5)
        await idle(made, endpoint, caller)
        assert told(endpoint.secret, posts) == [1, 1, 1, 2, 3]
        assert len({each.header("webhook-id") for each in posts}) == 3
        page = await made.host.webhooks.backlog.attempts(endpoint.id, limit=4, caller=caller)
        assert [each.outcome for each in page.attempts] == ["done", "done", "done", "retry"]
        assert page.attempts[3].status == 503
        assert page.attempts[3].response == "no"
        assert page.next is not None
        older = await made.host.webhooks.backlog.attempts(
            endpoint.id, before=page.next, caller=caller
        )
        assert [each.status for each in older.attempts] == [500]


async def test_what_an_app_never_takes_is_a_dead_letter_that_can_be_requeued(
    tmp_path: Path,
) -> None:
    replies = in_turn(status(400), status(400), response())
    settings = {"webhook_attempts_max": 2}
    async with posting_host(tmp_path / "data", **settings) as made, stranger(replies) as receiver:
        caller, backlog = await app(made), made.host.webhooks.backlog
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, '"junk"')

        await idle(made, endpoint, caller)
        (letter,) = (await backlog.dead(endpoint.id, caller=caller)).dead_letters
        assert (letter.attempts, letter.data) == (2, "junk")
        assert letter.reason == "The receiver answered with status 400."
        await backlog.requeue(endpoint.id, [letter.id], caller=caller)
        await until(lambda: len(receiver.heard) == 3)
        await idle(made, endpoint, caller)
        assert (await backlog.dead(endpoint.id, caller=caller)).dead_letters == []
        with pytest.raises(NotFound):
            await backlog.discard(endpoint.id, [letter.id], caller=caller)


async def test_a_receiver_that_is_gone_is_posted_nothing_until_it_is_enabled(
    tmp_path: Path,
) -> None:
    replies = in_turn(status(410), response())
    async with posting_host(tmp_path / "data") as made, stranger(replies) as receiver:
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, "1")
        view = await seen(made, endpoint, caller, lambda view: view.state == "disabled")
        await publish(made, '"missed"')

        assert "410" in view.reason
        (event,) = await made.host.events.recent(1, "endpoint.disabled", tenant="default")
        assert event.value()["endpoint"] == endpoint.id
        enabled = await endpoints.enable(endpoint.id, caller=caller)
        assert (enabled.state, enabled.failures) == ("enabled", 0)
        posts = await heard(receiver, 2)
        await idle(made, endpoint, caller)
        assert told(endpoint.secret, posts) == [1, 1]


async def test_an_app_that_fails_for_long_is_disabled_and_it_is_told(tmp_path: Path) -> None:
    failing_days = 0.2 / 86_400
    settings = {"webhook_failing_days": failing_days, "webhook_retry_seconds": 0.2}
    async with (
        posting_host(tmp_path / "data", **settings) as made,
        stranger(saying(status(500))) as receiver,
    ):
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, "1")

        view = await seen(made, endpoint, caller, lambda view: view.state == "disabled")
        assert "Nothing could be delivered" in view.reason
        assert len(receiver.heard) >= 2
        assert view.queued == 1
        assert len(await made.host.events.recent(5, "endpoint.disabled", tenant="default")) == 1


async def test_an_app_says_when_it_wants_to_be_asked_again(tmp_path: Path) -> None:
    replies = in_turn(status(429, ("retry-after", "3600")), response())
    async with posting_host(tmp_path / "data") as made, stranger(replies) as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")
        await publish(made, "1")
        await seen(made, endpoint, caller, lambda view: view.failures == 1)

        await publish(made, "2")

        await seen(made, endpoint, caller, lambda view: view.failures == 0)
        assert told(endpoint.secret, receiver.heard) == [1, 2]
        async with made.parts.database.reading() as connection:
            found = await connection.of("default").execute(select(endpoint_deliveries))
            (waiting,) = found.all()
        assert timedelta(minutes=59) < waiting.not_before - waiting.updated_at


async def test_both_secrets_sign_until_the_old_ones_time_is_over(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        first = await register(made, receiver.url, caller, "orders.*")

        second = await endpoints.rotate(first.id, caller=caller)
        await publish(made, "1")
        (post,) = await heard(receiver, 1)
        third = await endpoints.rotate(first.id, overlap=timedelta(), caller=caller)
        await publish(made, "2")
        later = (await heard(receiver, 2))[1]

        assert second.old_secret_until is not None
        assert [verified(each.secret, post)["data"] for each in (first, second)] == [1, 1]
        assert (post.header("webhook-signature") or "").count("v1,") == 2
        assert verified(third.secret, later)["data"] == 2
        for old in (first, second):
            with pytest.raises(WebhookVerificationError):
                verified(old.secret, later)
        assert third.old_secret_until is None


async def test_new_data_keys_of_the_vault_leave_what_signs_as_it_was(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")

        rotated = await made.host.vault.rotate()

        assert (rotated.dropped, rotated.damaged) == (1, [])
        await publish(made, "1")
        assert told(endpoint.secret, await heard(receiver, 1)) == [1]


async def test_a_secret_is_nowhere_but_in_the_answer(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with posting_host(folder) as made, stranger() as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller)

        view = await made.host.webhooks.endpoints.get(endpoint.id, caller=caller)
        events = await made.host.events.recent(50, "*", tenant="default")

        shown = f"{endpoint!r} {view!r} {events!r}"
        assert endpoint.secret.startswith("whsec_")
        assert endpoint.secret.removeprefix("whsec_") not in shown
        for path in folder.rglob("*.db*"):
            assert endpoint.secret.encode() not in path.read_bytes()


async def test_a_ping_tells_at_once_how_it_went(tmp_path: Path) -> None:
    replies = in_turn(response(), status(500, body=b"down\x1b[31m" + b"!" * 500))
    async with posting_host(tmp_path / "data") as made, stranger(replies) as receiver:
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        endpoint = await register(made, receiver.url, caller, "orders.*")
        await endpoints.disable(endpoint.id, caller=caller)

        good = await endpoints.ping(endpoint.id, caller=caller)
        bad = await endpoints.ping(endpoint.id, caller=caller)

        assert (good.outcome, good.status, good.reason) == ("ping", 200, "")
        assert verified(endpoint.secret, receiver.heard[0])["type"] == "endpoint.ping"
        assert (bad.status, len(bad.response)) == (500, 200)
        assert bad.response.startswith("down\\x1b[31m!!")
        page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
        assert page.attempts == [bad, good]
        assert (await endpoints.get(endpoint.id, caller=caller)).failures == 1


async def test_a_revoked_key_ends_what_its_endpoints_get_until_another_has_them(
    tmp_path: Path,
) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        admin = await app(made, "admin", name="operator")
        other = await app(made, name="shop 2")
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await made.host.keys.revoke(caller.key_id, "default")
        await publish(made, '"secret"')

        view = await endpoints.get(endpoint.id, caller=admin)
        assert (view.state, view.queued) == ("disabled", 0)
        assert "revoked" in view.reason
        async with asyncio.timeout(30):
            while not await made.host.events.recent(1, "endpoint.disabled", tenant="default"):
                await asyncio.sleep(0.01)
        with pytest.raises(Conflict, match="another key"):
            await endpoints.enable(endpoint.id, caller=admin)
        handed = EndpointChange(key_id=other.key_id)
        assert (await endpoints.change(endpoint.id, handed, caller=admin)).key == "shop 2"
        assert (await endpoints.enable(endpoint.id, caller=other)).state == "enabled"
        await publish(made, "1")
        assert told(endpoint.secret, await heard(receiver, 1)) == [1]


async def test_a_key_has_endpoints_of_its_own_only_and_only_with_the_scopes_for_it(
    tmp_path: Path,
) -> None:
    async with posting_host(tmp_path / "data") as made:
        endpoints = made.host.webhooks.endpoints
        caller, other = await app(made), await app(made, name="other")
        endpoint = await register(made, "http://shop.example/in", caller)
        calls = (
            endpoints.get,
            endpoints.remove,
            endpoints.rotate,
            endpoints.enable,
            endpoints.disable,
            endpoints.ping,
            made.host.webhooks.backlog.attempts,
            made.host.webhooks.backlog.dead,
        )

        for call in calls:
            with pytest.raises(NotFound):
                await call(endpoint.id, caller=other)
        for wanted in (EndpointChange(url="http://evil.example/"), EndpointChange(topics=["*"])):
            with pytest.raises(NotFound):
                await endpoints.change(endpoint.id, wanted, caller=other)
        handed = EndpointChange(key_id=other.key_id)
        with pytest.raises(Forbidden):
            await endpoints.change(endpoint.id, handed, caller=caller)
        assert await endpoints.list(caller=other) == []
        for scopes in (("read",), ("webhooks",), ("call",)):
            lesser = await app(made, *scopes, name="lesser")
            with pytest.raises(Forbidden):
                await register(made, "http://shop.example/in", lesser)
        lesser = await app(made, "read", name="reader")
        admin = await app(made, "admin", name="operator")
        wanted = EndpointChange(key_id=lesser.key_id)
        with pytest.raises(Forbidden):
            await endpoints.change(endpoint.id, wanted, caller=admin)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "https://user:pass@shop.example/"}, "url"),
        ({"url": "https://shop.example/#x"}, "url"),
        ({"url": "http://shop.example/"}, "url"),
        ({"url": "https://shop.example/" + "x" * 3000}, "url"),
        ({"topics": []}, "topics"),
        ({"topics": ["Orders"]}, "topics"),
        ({"topics": ["a.*.b"]}, "topics"),
        ({"topics": ["*.b"]}, "topics"),
        ({"description": "x" * 1001}, "description"),
    ],
)
async def test_an_endpoint_that_cannot_be_is_refused_with_the_path_of_the_fault(
    tmp_path: Path, wanted: dict[str, str], path: str
) -> None:
    async with posting_host(tmp_path / "data", webhook_allow_http=False) as made:
        caller = await app(made)
        order = EndpointOrder(**{"url": "https://shop.example/", "topics": ["*"]} | wanted)  # type: ignore[arg-type]

        with pytest.raises(InvalidArguments) as caught:
            await made.host.webhooks.endpoints.register(order, caller=caller)

        assert caught.value.path == path


async def test_a_tenant_has_so_many_endpoints_and_each_so_much_that_waits(tmp_path: Path) -> None:
    settings = {
        "webhook_endpoints_max": 1,
        "webhook_queue_max": 2,
        "webhook_retry_seconds": 60.0,
    }
    async with (
        posting_host(tmp_path / "data", **settings) as made,
        stranger(saying(status(500))) as receiver,
    ):
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")
        with pytest.raises(Conflict, match="WARDIAN_WEBHOOK_ENDPOINTS_MAX"):
            await register(made, receiver.url, caller)

        await publish(made, "1", "2", "3", "4")
        await made.parts.delivering.drops.flush()

        view = await made.host.webhooks.endpoints.get(endpoint.id, caller=caller)
        assert (view.queued, view.dropped) == (2, 2)
        (event,) = await made.host.events.recent(1, "event.dropped", tenant="default")
        assert event.value() == {
            "endpoint": endpoint.id,
            "reason": "queue-full",
            "count": 2,
            "topic": "orders.new",
        }
        assert b'wardian_webhook_deliveries_total{outcome="queue-full"' in (
            await made.host.metrics()
        )


async def test_an_app_that_is_slow_keeps_no_other_waiting(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow(post: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(response())

    async with (
        posting_host(tmp_path / "data") as made,
        stranger(slow) as sleeper,
        stranger() as receiver,
    ):
        caller = await app(made)
        stuck = await register(made, sleeper.url, caller, "orders.*")
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, *map(str, range(20)))

        await heard(receiver, 20)
        await idle(made, endpoint, caller)
        assert sleeper.most_open == 2
        release.set()
        await idle(made, stuck, caller)
        assert len(sleeper.heard) == 20


async def test_a_changed_endpoint_gets_what_waits_at_its_new_address(tmp_path: Path) -> None:
    async with (
        posting_host(tmp_path / "data", webhook_retry_seconds=0.05) as made,
        stranger(saying(status(500))) as old,
        stranger() as new,
    ):
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        endpoint = await register(made, old.url, caller, "orders.*")
        await publish(made, "1")
        await heard(old, 1)

        wanted = EndpointChange(url=f"{new.url}/new", topics=["stock.*"], description="moved")
        changed = await endpoints.change(endpoint.id, wanted, caller=caller)
        await publish(made, '"not any more"')
        await publish(made, "2", topic="stock.low")

        assert (changed.url, changed.topics) == (f"{new.url}/new", ["stock.*"])
        posts = await heard(new, 2)
        await idle(made, endpoint, caller)
        assert sorted(told(endpoint.secret, posts)) == [1, 2]
        await endpoints.remove(endpoint.id, caller=caller)
        with pytest.raises(NotFound):
            await endpoints.get(endpoint.id, caller=caller)


async def test_while_the_vault_is_sealed_events_wait_and_cost_no_attempt(tmp_path: Path) -> None:
    folder, away = tmp_path / "data", tmp_path / "root.key"
    async with stranger() as receiver:
        async with posting_host(folder) as made:
            caller = await app(made)
            endpoint = await register(made, receiver.url, caller, "orders.*")
        (folder / "root.key").rename(away)
        async with posting_host(folder) as made:
            await publish(made, "1")
            with pytest.raises(VaultSealed):
                await made.host.webhooks.endpoints.ping(endpoint.id, caller=caller)
            assert (await made.host.webhooks.endpoints.get(endpoint.id, caller=caller)).queued == 1

            away.rename(folder / "root.key")
            await made.host.vault.open()

            assert told(endpoint.secret, await heard(receiver, 1)) == [1]
            await idle(made, endpoint, caller)
            page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
            assert [each.attempt for each in page.attempts] == [1]


async def test_an_event_that_waits_for_an_app_is_kept_however_old(tmp_path: Path) -> None:
    settings = {"events_kept": 1, "webhook_attempts_max": 1}
    async with (
        posting_host(tmp_path / "data", **settings) as made,
        stranger(saying(status(500))) as receiver,
    ):
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        endpoint = await register(made, receiver.url, caller, "orders.*")
        await publish(made, '"dead"')
        await idle(made, endpoint, caller)
        await endpoints.disable(endpoint.id, caller=caller)
        await publish(made, *map(str, range(5)), topic="other")

        await made.parts.delivering.upkeep.prune("default")

        (letter,) = (await made.host.webhooks.backlog.dead(endpoint.id, caller=caller)).dead_letters
        assert letter.data == "dead"
        topics = [each.topic for each in await made.host.events.recent(50, tenant="default")]
        assert topics == ["other", "orders.new"]


async def test_of_an_endpoints_attempts_the_last_ones_are_kept(tmp_path: Path) -> None:
    settings = {"webhook_attempts_kept": 2}
    async with posting_host(tmp_path / "data", **settings) as made, stranger() as receiver:
        caller, endpoints = await app(made), made.host.webhooks.endpoints
        endpoint = await register(made, receiver.url, caller, "orders.*")

        pings = [await endpoints.ping(endpoint.id, caller=caller) for _ in range(4)]

        page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
        assert page.attempts == pings[:1:-1]
