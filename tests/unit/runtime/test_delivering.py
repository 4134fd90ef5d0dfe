"""Events given to plugins: what their handlers answer, and what else may happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guests.handlers import HANDLE
from hosts import FakeHost, fake_host, package
from wardian.errors import GuestError, Overloaded, Trap, WardianError, WorkerLost
from wardian.events import Outcome, Settlement
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.deliveries import DeadLetter, SubscriberView
from wardian.storage.audit import AuditRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_every_bus")]

SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Handles orders."
"""


class Shop:
    """A host with one plugin that handles orders; what it answers is set by a test."""

    def __init__(self) -> None:
        self.made: FakeHost
        self.seen: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()
        self.answer: Callable[[dict[str, Any]], Awaitable[None]] = _done

    async def handle(self, arguments: Mapping[str, Any], answer: Any) -> None:
        event = arguments["event"]
        self.seen.append(event)
        async with self.changed:
            self.changed.notify_all()
        await self.answer(event)

    async def publish(self, *data: str, key: str | None = None, topic: str = "orders.new") -> None:
        for each in data:
            await self.made.host.events.publish("default", topic, each, key=key)

    async def handled(self, count: int) -> list[str]:
        """Wait until the handler was called so often; return the data it was called with."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: len(self.seen) >= count)
        return [event["data"] for event in self.seen]

    async def subscriber(self) -> SubscriberView:
        (found,) = await self.made.host.deliveries.subscribers()
        return found

    async def emptied(self) -> None:
        async with asyncio.timeout(20):
            while (await self.subscriber()).queued:
                await asyncio.sleep(0.01)

    async def dead(self) -> list[DeadLetter]:
        return (await self.made.host.deliveries.dead()).dead_letters


async def _done(event: dict[str, Any]) -> None:
    return None


def failing(*errors: Exception) -> Callable[[dict[str, Any]], Awaitable[None]]:
    """Fail with each error once, and succeed from then on."""
    left = iter(errors)

    async def answer(event: dict[str, Any]) -> None:
        error = next(left, None)
        if error is not None:
            raise error

    return answer


@asynccontextmanager
async def shop(folder: Path, **settings: Any) -> AsyncIterator[Shop]:
    made = Shop()
    settings = {"event_retry_seconds": 0.01} | settings
    async with fake_host(folder / "data", {HANDLE: made.handle}, **settings) as host:
        made.made = host
        await host.host.install(package(more=SUBSCRIBES), grants="all")
        async with host.parts.delivering.kept():
            yield made


def said(tag: str, text: str) -> GuestError:
    return GuestError(payload={"tag": tag, "val": text})


async def test_a_plugin_handles_the_events_that_it_was_granted(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        await made.publish('{"id": 1}', key="o1")
        await made.publish("2", topic="other.new")
        await made.publish('{"id": 3}')

        assert sorted(await made.handled(2)) == ['{"id": 1}', '{"id": 3}']
        await made.emptied()
    event = min(made.seen, key=lambda event: event["data"])
    assert set(event) == {
        "id", "topic", "source", "time", "correlation-id", "key", "attempt", "data",
    }  # fmt: skip
    assert (event["topic"], event["key"], event["attempt"]) == ("orders.new", "o1", 1)
    assert len(made.seen) == 2


@pytest.mark.parametrize(
    "error", [said("retry", "later"), Trap(), WorkerLost(), GuestError(payload="what?")], ids=repr
)
async def test_an_event_that_was_not_handled_comes_again(tmp_path: Path, error: Exception) -> None:
    async with shop(tmp_path) as made:
        made.answer = failing(error)
        await made.publish("1")

        await made.handled(2)
        await made.emptied()
        assert [event["attempt"] for event in made.seen] == [1, 2]
        assert made.seen[0]["id"] == made.seen[1]["id"]
        assert await made.dead() == []


async def test_events_of_a_key_stay_in_order_when_one_is_tried_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        made.answer = failing(said("retry", "later"), said("retry", "later"))
        await made.publish("1", "2", "3", key="a")

        assert await made.handled(5) == ["1", "1", "1", "2", "3"]


async def test_what_a_plugin_rejects_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        made.answer = failing(said("reject", "no such\x1b[31m order"))
        await made.publish('{"id": 7}', key="o7")
        await made.handled(1)
        await made.emptied()

        (letter,) = await made.dead()
    assert (letter.plugin, letter.topic, letter.key) == ("stores", "orders.new", "o7")
    assert (letter.attempts, letter.data) == (1, {"id": 7})
    assert letter.reason.startswith("no such")
    assert letter.reason.isprintable()


async def test_what_fails_too_often_is_a_dead_letter_that_can_be_requeued(tmp_path: Path) -> None:
    async with shop(tmp_path, event_attempts_max=3) as made:
        made.answer = failing(*(said("retry", f"no {n}") for n in (1, 2, 3)))
        await made.publish("1")
        await made.handled(3)
        await made.emptied()
        (letter,) = await made.dead()
        assert (letter.attempts, letter.reason) == (3, "no 3")

        await made.made.host.deliveries.requeue([letter.id])

        await made.handled(4)
        await made.emptied()
        assert made.seen[3]["attempt"] == 1
        assert await made.dead() == []


async def test_a_busy_host_and_a_plugin_that_is_disabled_cost_no_attempt(tmp_path: Path) -> None:
    async with shop(tmp_path, event_attempts_max=1) as made:
        host = made.made.host
        made.answer = failing(Overloaded())
        await made.publish("1")
        await made.handled(2)
        await made.emptied()
        await host.disable("stores")
        await made.publish("2")
        assert (await made.subscriber()).queued == 1

        await host.enable("stores")

        await made.handled(3)
        assert [event["attempt"] for event in made.seen] == [1, 1, 1]
        assert await made.dead() == []


async def test_what_was_queued_before_a_revoke_does_not_come_after_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        host = made.made.host
        await host.deliveries.set_paused("stores", True)
        await made.publish("1", "2")
        await host.set_grants("stores", [])

        await host.deliveries.set_paused("stores", False)

        await made.emptied()
        assert (await made.subscriber()).dropped == 2
        assert made.seen == []
        metrics = (await host.metrics()).decode()
        assert 'wardian_events_dropped_total{plugin="stores",reason="not-granted"' in metrics


async def test_a_plugin_without_a_handler_gets_nothing_and_it_is_told(tmp_path: Path) -> None:
    async with fake_host(tmp_path / "data") as made:
        await made.host.install(package(more=SUBSCRIBES), grants="all")
        async with made.parts.delivering.kept():
            await made.host.events.publish("default", "orders.new", "1")
            async with asyncio.timeout(20):
                while (await made.host.deliveries.subscribers())[0].queued:
                    await asyncio.sleep(0.01)
        (view,) = await made.host.deliveries.subscribers()
        assert view.dropped == 1
        (dropped,) = await made.host.events.recent(1, "event.dropped", tenant="default")
        assert dropped.value() == {
            "plugin": "stores", "reason": "no-handler", "count": 1, "topic": "orders.new",
        }  # fmt: skip
        async with made.parts.database.reading() as connection:
            actions = [row.action for row in await AuditRepository(connection, "default").recent(9)]
        assert "event.dropped" in actions


async def test_a_full_queue_drops_what_comes_and_it_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path, event_queue_max=2) as made:
        host = made.made.host
        await host.deliveries.set_paused("stores", True)
        await made.publish("1", "2", "3", "4")

        await made.made.parts.delivering.drops.flush()

        (event,) = await host.events.recent(1, "event.dropped", tenant="default")
        assert event.value()["reason"] == "queue-full"
        assert event.value()["count"] == 2
        assert (await made.subscriber()).dropped == 2
        assert [each.value() for each in await host.events.recent(9, "orders.*", tenant="default")]


async def test_a_slow_event_holds_up_no_event_of_another_key(tmp_path: Path) -> None:
    going = asyncio.Event()

    async def answer(event: dict[str, Any]) -> None:
        if event["key"] == "slow":
            await going.wait()

    async with shop(tmp_path) as made:
        made.answer = answer
        await made.publish("1", "2", key="slow")
        await made.publish("3", key="fast")

        assert sorted(await made.handled(2)) == ["1", "3"]
        going.set()
        await made.handled(3)


async def test_a_host_that_stops_gives_back_what_it_has_begun(tmp_path: Path) -> None:
    async def answer(event: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    async with shop(tmp_path) as made:
        made.answer = answer
        await made.publish("1", "2", key="a")
        await made.handled(1)
    assert len(made.seen) == 1

    async with fake_host(tmp_path / "data", {HANDLE: made.handle}) as again:
        made.made, made.answer = again, _done
        async with again.parts.delivering.kept():
            await made.handled(3)
            await made.emptied()
    assert [(each["data"], each["attempt"]) for each in made.seen[1:]] == [("1", 1), ("2", 1)]


async def test_dead_letters_are_dropped_or_none_is_if_one_is_unknown(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        made.answer = failing(said("reject", "no"), said("reject", "no"))
        await made.publish("1", "2")
        await made.handled(2)
        await made.emptied()
        first, second = await made.dead()

        with pytest.raises(Exception, match="no dead letter"):
            await made.made.host.deliveries.discard([first.id, "nonsense"])
        assert len(await made.dead()) == 2
        await made.made.host.deliveries.discard([first.id])
        assert [letter.id for letter in await made.dead()] == [second.id]


async def test_two_hosts_on_one_database_share_the_work_and_keep_the_order_of_keys(
    tmp_path: Path,
) -> None:
    async with (
        shop(tmp_path) as ours,
        fake_host(tmp_path / "data", {HANDLE: ours.handle}) as other,
        other.parts.delivering.kept(),
    ):
        for number in range(60):
            await ours.publish(str(number), key=f"k{number % 3}")
        await ours.emptied()
        assert sorted(int(event["data"]) for event in ours.seen) == list(range(60))
        for key in ("k0", "k1", "k2"):
            numbers = [int(event["data"]) for event in ours.seen if event["key"] == key]
            assert numbers == sorted(numbers)


async def test_a_host_sees_what_another_has_queued(tmp_path: Path) -> None:
    async with shop(tmp_path) as ours, fake_host(tmp_path / "data", {HANDLE: ours.handle}) as other:
        await other.host.events.publish("default", "orders.new", "1")

        assert await ours.handled(1) == ["1"]


async def test_old_dead_letters_and_those_beyond_their_number_go_with_their_events(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path, dead_letters_kept=2, events_kept=1) as made:
        made.answer = failing(*(said("reject", "no") for _ in range(4)))
        for number in range(4):
            await made.publish(str(number), key="a")
        await made.handled(4)
        await made.emptied()

        await made.made.parts.delivering.upkeep.tend()

        assert [letter.data for letter in await made.dead()] == [3, 2]
        left = await made.made.host.events.recent(99, "orders.*", tenant="default")
        assert [event.value() for event in left] == [3, 2]


async def test_events_are_settled_once_the_database_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(tmp_path) as made:
        bus = made.made.host.events.bus
        settle = bus.settle
        failures = iter([WardianError("gone"), WardianError("gone")])

        async def failing_settle(settlements: Any) -> int:
            error = next(failures, None)
            if error is not None:
                raise error
            return await settle(settlements)

        monkeypatch.setattr("wardian.runtime.settling.AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(bus, "settle", failing_settle)
        await made.publish("1")
        await made.emptied()

        assert len(made.seen) == 1


async def test_a_credential_in_what_a_handler_says_is_not_written_down(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        order = CredentialOrder(
            name="shop",
            kind="bearer",
            fields={"token": "canary-5f2d8e91c07b"},
            origins=["https://shop.example/"],
        )
        await made.made.host.credentials.set(order)
        made.answer = failing(said("reject", "it was canary-5f2d8e91c07b"))
        await made.publish("1")
        await made.handled(1)
        await made.emptied()

        (letter,) = await made.dead()
    assert letter.reason.startswith("it was")
    assert "canary" not in letter.reason


async def test_what_cannot_be_looked_through_for_credentials_is_not_written_down_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leaks(tenant: str) -> None:
        raise WardianError("The vault's rows are damaged.")

    async with shop(tmp_path, event_attempts_max=1) as made:
        watch = made.made.parts.delivering.dispatcher._parts.handling._watch
        monkeypatch.setattr(watch, "leaks", leaks)
        made.answer = failing(said("retry", "it was canary-5f2d8e91c07b"))
        await made.publish("1")
        await made.emptied()

        (letter,) = await made.dead()
    assert len(made.seen) == 1
    assert "damaged" in letter.reason
    assert "canary" not in letter.reason


async def test_an_event_that_meets_a_fault_of_ours_is_not_begun_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(tmp_path) as made:
        bus, handling = (
            made.made.host.events.bus,
            made.made.parts.delivering.dispatcher._parts.handling,
        )
        settle, handle = bus.settle, handling.handle
        failures = iter([RuntimeError("as a fault of ours would")])
        settled: list[Settlement] = []

        async def failing_once(delivery: Any) -> Settlement:
            for failure in failures:
                raise failure
            return await handle(delivery)

        async def noted(settlements: Any) -> int:
            settled.extend(settlements)
            return await settle(settlements)

        monkeypatch.setattr(handling, "handle", failing_once)
        monkeypatch.setattr(bus, "settle", noted)
        await made.publish("1")
        await made.emptied()

    first, last = settled
    assert (first.outcome, first.after) == (Outcome.RELEASE, timedelta(seconds=1))
    assert (last.outcome, made.seen[0]["attempt"]) == (Outcome.DONE, 1)


async def test_leases_are_renewed_again_whatever_went_wrong_the_time_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = asyncio.Event()
    failures = iter([RuntimeError("as a fault of ours would")])

    async def renew(leases: Any) -> None:
        for failure in failures:
            raise failure
        renewed.set()

    async def until_renewed(event: dict[str, Any]) -> None:
        await renewed.wait()

    async with shop(tmp_path, event_lease_seconds=1.0) as made:
        monkeypatch.setattr(made.made.host.events.bus, "renew", renew)
        made.answer = until_renewed
        await made.publish("1")
        await made.emptied()
