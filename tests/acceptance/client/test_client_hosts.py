"""The clients and a real host, over HTTP: the work of a host app and of its operator."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from asking import Ask
from guests import guest
from packages import ASKING, KEY, package
from wardian.client import AsyncClient, Client, errors, models
from wardian.runtime.host import PluginHost
from wardian.telemetry import Line

pytestmark = pytest.mark.anyio

KEEPING = """
[[permissions]]
permission = "kv:read"
reason = "Reads what it keeps."

[[permissions]]
permission = "kv:write"
reason = "Keeps what it is given."
"""


async def test_a_function_is_called_and_tells_what_it_spent(ask: Ask) -> None:
    done = await ask(lambda client: client.call("calculator", "divide", {"a": 12, "b": 4}))
    assert isinstance(done, models.CallResult)
    assert done.result == 3
    assert done.usage.wall_seconds > 0
    assert done.call_id
    named = await ask(lambda client: client.plugin("calculator").call("add", a=2, b=3))
    assert named.result == 5
    nested = "acme:calc/more@1.0.0#negate"
    assert (await ask(lambda client: client.functions.call("calculator", nested, {"a": 3}))).result


async def test_what_a_call_can_end_with_is_an_error_of_its_own(ask: Ask) -> None:
    with pytest.raises(errors.GuestError) as guest_error:
        await ask(lambda client: client.call("calculator", "divide", {"a": 1, "b": 0}))
    assert guest_error.value.payload == 7
    assert guest_error.value.usage.wall_seconds > 0

    with pytest.raises(errors.DeadlineExceeded) as late:
        await ask(lambda client: client.call("misbehaving", "spin", limits={"wall_seconds": 0.05}))
    assert late.value.call_id
    with pytest.raises(errors.Trap):
        await ask(lambda client: client.call("misbehaving", "trap"))
    with pytest.raises(errors.InvalidArguments) as wrong:
        await ask(lambda client: client.call("calculator", "add", {"a": 1}))
    assert wrong.value.problem.path
    with pytest.raises(errors.NotFound):
        await ask(lambda client: client.call("calculator", "subtract"))


async def test_a_plugin_lives_its_whole_life(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "one.wardian").write_bytes(package("alive", guest("calculator"), ASKING))
    told: list[tuple[int, int | None]] = []

    installed = await ask(
        lambda client: client.plugins.install(
            tmp_path / "one.wardian", grant=["kv:read"], progress=lambda *now: told.append(now)
        )
    )
    assert (installed.state, installed.granted) == ("active", ["kv:read"])
    size = (tmp_path / "one.wardian").stat().st_size
    assert told[-1] == (size, size)
    assert "alive" in [each.name for each in await ask(lambda client: client.plugins.list())]

    newer = package("alive", guest("calculator"), ASKING, version="1.1.0")
    report = await ask(lambda client: client.plugins.upgrade_report("alive", newer))
    assert (report.to_version, report.breaking) == ("1.1.0", False)
    upgraded = await ask(lambda client: client.plugins.upgrade("alive", io.BytesIO(newer)))
    assert upgraded.plugin.version == "1.1.0"
    assert [each.in_use for each in await ask(lambda client: client.plugins.versions("alive"))]
    back = await ask(lambda client: client.plugins.rollback("alive"))
    assert back.version == "1.0.0"
    assert len(await ask(lambda client: client.plugins.upgrades("alive"))) == 2

    granted = await ask(lambda client: client.grants.set("alive", []))
    assert granted.granted == []
    assert (await ask(lambda client: client.plugins.disable("alive"))).state == "disabled"
    with pytest.raises(errors.Conflict):
        await ask(lambda client: client.call("alive", "add", {"a": 1, "b": 1}))
    assert (await ask(lambda client: client.plugins.enable("alive"))).also == []
    assert await ask(lambda client: client.plugins.uninstall("alive")) == ["alive"]
    with pytest.raises(errors.NotFound):
        await ask(lambda client: client.plugin("alive").get())


async def test_several_packages_are_installed_together(ask: Ask) -> None:
    both = [package("left", guest("calculator")), package("right", guest("calculator"))]
    batch = await ask(lambda client: client.installs.install(both, enable=False))
    assert {each.name for each in batch.installed} == {"left", "right"}
    assert {each.state for each in batch.installed} == {"installed"}
    for name in ("left", "right"):
        gone = await ask(lambda client, name=name: client.plugins.uninstall(name, cascade=True))
        assert gone == [name]


async def test_a_signature_travels_with_its_package(ask: Ask) -> None:
    signed = package("signed", guest("calculator"))
    with pytest.raises(errors.SignatureInvalid):
        await ask(lambda client: client.plugins.install(signed, signature=b"{}"))
    with pytest.raises(errors.SignatureInvalid):
        await ask(lambda client: client.installs.install([(signed, b"{}")]))


async def test_a_package_that_is_too_large_is_refused_early(ask: Ask) -> None:
    large = io.BytesIO(b"P" * 20_000_000)
    with pytest.raises((errors.PayloadTooLarge, errors.ConnectionLost)):
        await ask(lambda client: client.plugins.install(large))


async def test_configuration_is_changed_from_what_it_was(ask: Ask) -> None:
    before = await ask(lambda client: client.config.get())
    changed = await ask(
        lambda client: client.config.change(set={"limits.daily": 5}, if_match=before.etag)
    )
    assert changed.values == {"limits": {"daily": 5}}
    with pytest.raises(errors.Conflict):
        await ask(lambda client: client.config.replace({}, if_match=before.etag))
    judged = await ask(lambda client: client.config.validate(values={}))
    assert (judged.valid, judged.changed) == (True, ["limits.daily"])
    explained = await ask(lambda client: client.config.explain())
    assert explained.values[0].set_at is not None
    history = await ask(lambda client: client.config.history(limit=1))
    assert history.entries[0].changed_by
    one = await ask(lambda client: client.config.get(key="limits.daily"))
    assert one.values == 5
    await ask(lambda client: client.config.replace({}))


async def test_stored_values_are_looked_at_exported_and_cleared(
    ask: Ask, host: PluginHost, tmp_path: Path
) -> None:
    await host.install(package("keeper", guest("compartments"), KEEPING), grants="all")
    arguments = {"namespace": "a", "key": "k", "value": "v"}
    await ask(lambda client: client.call("keeper", "put", arguments))

    assert (await ask(lambda client: client.kv.get("keeper"))).used_keys == 1
    keys = await ask(lambda client: client.kv.keys("keeper", namespace="a"))
    assert [each.key for each in keys.keys] == ["k"]
    entry = await ask(lambda client: client.kv.entry("keeper", "k", namespace="a"))
    assert (entry.value, entry.redacted) == ("v", False)
    size = await ask(lambda client: client.kv.export("keeper", tmp_path / "kept"))
    (line,) = (tmp_path / "kept").read_text().splitlines()
    assert json.loads(line)["value"] == "v"
    assert size == (tmp_path / "kept").stat().st_size
    with pytest.raises(errors.NotSendable):
        await ask(lambda client: client.kv.clear("keeper"))
    assert await ask(lambda client: client.kv.clear("keeper", everything=True)) == 1
    await host.uninstall("keeper")


async def test_calls_are_recorded_and_run_again(ask: Ask, tmp_path: Path) -> None:
    await ask(lambda client: client.recordings.keep("calculator", 5))
    done = await ask(lambda client: client.call("calculator", "add", {"a": 1, "b": 2}))
    page = await ask(lambda client: client.recordings.list("calculator"))
    assert page.recordings[0].call_id == done.call_id
    shown = await ask(lambda client: client.recordings.get(done.call_id))
    assert (shown.arguments, shown.result) == ({"a": 1, "b": 2}, 3)
    assert (await ask(lambda client: client.recordings.replay(done.call_id))).same
    await ask(lambda client: client.recordings.export(done.call_id, tmp_path / "recording"))
    assert (tmp_path / "recording").stat().st_size > 100
    assert await ask(lambda client: client.recordings.clear("calculator")) == 1
    await ask(lambda client: client.recordings.keep("calculator", 0))


async def test_keys_tenants_and_whom_they_trust(ask: Ask, url: str) -> None:
    made = await ask(lambda client: client.keys.create("reader", ["read"]))
    with Client(url, made.token) as reader:
        assert await asyncio.to_thread(reader.plugins.list)
        with pytest.raises(errors.Forbidden) as refused:
            await asyncio.to_thread(reader.call, "calculator", "add", {"a": 1, "b": 1})
    assert refused.value.request_id
    await ask(lambda client: client.keys.revoke(made.id))
    with Client(url, made.token) as revoked, pytest.raises(errors.Unauthenticated):
        await asyncio.to_thread(revoked.plugins.list)
    assert "default" in [each.name for each in await ask(lambda client: client.tenants.list())]
    policy = await ask(lambda client: client.trust.policy())
    assert (await ask(lambda client: client.trust.set_policy(stale="warn"))).stale == policy.stale
    revoked_version = await ask(
        lambda client: client.trust.revoke("It leaks.", name="gone", versions=">=1.0.0")
    )
    assert revoked_version.quarantined == []
    await ask(lambda client: client.trust.unrevoke(revoked_version.id))
    assert await ask(lambda client: client.publishers.list()) == []


ROW_DATA = """
[[row_data]]
kind = "contact"
data_schema = { type = "object", properties = { note = { type = "string" } } }
"""


async def test_data_beside_rows_is_kept_from_what_it_was(ask: Ask, host: PluginHost) -> None:
    await host.install(package("notes", guest("calculator"), ROW_DATA))
    where = ("notes", "contact", "a/b c")
    assert [each.kind for each in await ask(lambda client: client.rows.kinds("notes"))] == [
        "contact"
    ]
    kept = await ask(lambda client: client.rows.put(*where, {"note": "x"}, if_version=0))
    assert (await ask(lambda client: client.rows.get(*where))) == kept
    with pytest.raises((errors.Conflict, errors.PreconditionFailed)):
        await ask(lambda client: client.rows.put(*where, {}, if_version=0))
    newer = await ask(lambda client: client.rows.put(*where, {}, if_version=kept.version))
    assert [each.row for each in (await ask(lambda c: c.rows.list(*where[:2]))).rows] == ["a/b c"]
    assert await ask(lambda client: client.rows.beside(*where[1:])) == [newer]
    await ask(lambda client: client.rows.remove(*where, if_version=newer.version))
    assert await ask(lambda client: client.rows.forget(*where[1:])) == 0
    assert await ask(lambda client: client.rows.migrate("notes")) is not None
    await host.uninstall("notes")


async def test_the_audit_trail_is_looked_through_verified_and_exported(
    ask: Ask, tmp_path: Path
) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    await ask(lambda client: client.tenants.list())
    page = await ask(lambda client: client.audit.list(action="plugin.*", since=began, limit=1))
    assert page.entries[0].time > began
    assert page.entries[0].decision == "allowed"
    head = await ask(lambda client: client.audit.head())
    report = await ask(lambda client: client.audit.verify(f"{head.sequence}:{head.hash}"))
    assert (report.sound, report.faults) == (True, [])
    size = await ask(lambda client: client.audit.export(tmp_path / "trail"))
    assert size == (tmp_path / "trail").stat().st_size > 0


async def test_a_plugin_is_changed_only_as_it_was_seen(ask: Ask, host: PluginHost) -> None:
    await host.install(package("seen", guest("calculator"), ASKING))
    seen = await ask(lambda client: client.plugins.get("seen"))
    await ask(lambda client: client.plugins.disable("seen", if_match=seen.etag))
    with pytest.raises(errors.PreconditionFailed):
        await ask(lambda client: client.plugins.enable("seen", if_match=seen.etag))
    newer = await ask(lambda client: client.plugins.get("seen"))
    assert newer.state == "disabled"
    assert await ask(lambda c: c.plugins.uninstall("seen", if_match=newer.etag)) == ["seen"]


async def test_a_key_is_bounded_rotated_and_found_in_pages(ask: Ask, url: str) -> None:
    expires = datetime(2040, 1, 1, tzinfo=UTC)
    made = await ask(
        lambda client: client.keys.create(
            "bounded", ["read"], expires_at=expires, rate="600/minute", plugins=["calculator"]
        )
    )
    assert (made.expires_at, made.rate, made.plugins) == (expires, "600/minute", ["calculator"])
    changed = await ask(lambda client: client.keys.change(made.id, description="d", rate=""))
    assert (changed.description, changed.rate, changed.state) == ("d", None, "valid")
    rotated = await ask(lambda client: client.keys.rotate(made.id, overlap_seconds=0))
    assert rotated.token != made.token
    async with AsyncClient(url, KEY) as client:
        one_by_one = [each.id async for each in client.each(client.keys.list, limit=1)]
    keys = await ask(lambda client: client.keys.list())
    assert sorted(one_by_one) == sorted(each.id for each in keys)
    await ask(lambda client: client.keys.revoke(made.id, if_match=keys.etag))
    other = await ask(lambda client: client.keys.create("other", ["read"]))
    with pytest.raises(errors.PreconditionFailed):
        await ask(lambda client: client.keys.revoke(other.id, if_match=keys.etag))


async def test_a_change_under_one_name_is_made_once(url: str, ask: Ask) -> None:
    def once(client: Any) -> Any:
        return client.with_options(idempotency_key=name).keys.create("once", ["read"])

    name = f"once-{len(await ask(lambda client: client.keys.list()))}"
    assert (await ask(once)).id == (await ask(once)).id
    with pytest.raises(errors.KeyReused):
        await ask(lambda c: c.with_options(idempotency_key=name).keys.create("twice", ["read"]))


async def test_what_is_used_and_may_be_used_is_told(ask: Ask) -> None:
    await ask(lambda client: client.call("calculator", "add", {"a": 1, "b": 1}))
    began = datetime.now(UTC) - timedelta(hours=1)
    used = await ask(lambda client: client.analytics.get(start=began, group=["plugin"]))
    assert used.totals.calls >= 1
    assert "calculator" in [each.plugin for each in used.groups]
    assert (await ask(lambda client: client.analytics.top(limit=5))).today.calls >= 1
    quotas = await ask(lambda client: client.quotas.set("default", {"calls": 1_000_000}))
    assert [each.limit for each in quotas.quotas if each.quota == "calls"] == [1_000_000]
    assert (await ask(lambda client: client.quotas.get())).tenant == "default"
    assert (await ask(lambda client: client.quotas.of("default"))).quotas
    await ask(lambda client: client.quotas.set("default", {}))
    limits = await ask(lambda c: c.tenants.set_limits("default", rate="9000/minute", key_rate=None))
    assert await ask(lambda client: client.tenants.limits("default")) == limits
    await ask(lambda client: client.tenants.set_limits("default", rate=None, key_rate=None))


async def test_what_plugins_log_is_listed_and_followed(
    ask: Ask, url: str, host: PluginHost
) -> None:
    for message in ("one", "two"):
        host.telemetry.lines.write("default", said(message))
    listed = await ask(lambda client: client.logs.list(call_id="c", level="info", limit=2))
    assert [each.message for each in listed.lines] == ["one", "two"]
    async with (
        AsyncClient(url, KEY) as client,
        aclosing(client.logs.stream(after=listed.next, call_id="c")) as lines,
    ):
        host.telemetry.lines.write("default", said("three"))
        line = await anext(lines)
    assert isinstance(line, models.LogLine)
    assert (line.message, line.fields) == ("three", {"a": "b"})


def said(message: str) -> Line:
    return Line(
        sequence=0,
        time=datetime.now(UTC),
        plugin="calculator",
        call_id="c",
        level="info",
        message=message,
        fields={"a": "b"},
    )


async def test_the_rest_is_read_as_it_is(ask: Ask) -> None:
    assert (await ask(lambda client: client.health())).status == "alive"
    versions = await ask(lambda client: client.versions())
    assert [each.version for each in versions.http] == ["v1", "v2"]
    around = await ask(lambda client: client.enhancements.get("calculator"))
    assert (around.plugin, around.cache.answers) == ("calculator", 0)
    assert await ask(lambda client: client.enhancements.empty_cache("calculator")) == 0
    ready = await ask(lambda client: client.ready())
    assert (ready.ready, ready.events) == (True, True)
    assert "# TYPE" in await ask(lambda client: client.metrics())
    assert "/api/v1/plugins" in (await ask(lambda client: client.openapi()))["paths"]
    name = "calculator"
    assert (await ask(lambda client: client.functions.list(name)))["divide"].error is not None
    assert (await ask(lambda client: client.plugins.dependencies(name))).needs == []
    with pytest.raises(errors.NotFound, match="no health check"):
        await ask(lambda client: client.plugins.check_health(name))
    assert (await ask(lambda client: client.permissions.monitor(name))).enabled
    assert (await ask(lambda client: client.permissions.uses(name))).uses == []
    assert (await ask(lambda client: client.permissions.suggestion(name))).suggestion.seen == 0
    await ask(lambda client: client.permissions.clear_uses(name))
    assert await ask(lambda client: client.schedules.list()) == []
    assert await ask(lambda client: client.hooks.list()) == []
    assert await ask(lambda client: client.webhooks.list()) == []
    assert await ask(lambda client: client.credentials.list()) == []
    assert await ask(lambda client: client.oauth.list(name)) == []
    assert await ask(lambda client: client.events.subscribers()) == []
    assert (await ask(lambda client: client.events.dead())).dead_letters == []
    assert not (await ask(lambda client: client.vault.get())).sealed


async def test_what_has_no_method_can_be_asked_for_still(ask: Ask) -> None:
    found = await ask(lambda client: client.request("GET", "/api/v1/plugins/calculator"))
    assert found["name"] == "calculator"
    asked = {"query": {"layer": "user"}, "headers": {"If-Match": '"999"'}}
    with pytest.raises(errors.Conflict):
        await ask(lambda client: client.request("PUT", "/api/v1/config", {"a": 1}, **asked))


async def test_events_are_published_listed_and_followed(ask: Ask, url: str) -> None:
    first = await ask(lambda client: client.events.publish("orders.old", {"n": 0}))
    second = await ask(lambda client: client.events.publish("orders.new", {"n": 1}, key="k"))
    page = await ask(lambda client: client.events.list("orders.*", limit=2))
    assert [each.id for each in page.events] == [second.id, first.id]

    async with AsyncClient(url, KEY) as client, asyncio.timeout(30):
        awaited = client.events.stream("orders.*", after=first.sequence)
        assert await anext(awaited) == second
        await awaited.aclose()
    with Client(url, KEY) as blocking:
        blocked = blocking.events.stream("orders.*", after=first.sequence)
        assert await asyncio.to_thread(next, blocked) == second
        blocked.close()
    assert (second.data, second.partitionkey) == ({"n": 1}, "k")
    assert second.time.tzinfo is not None


async def test_a_call_that_is_cancelled_is_cancelled_on_the_host(
    url: str, host: PluginHost
) -> None:
    async with AsyncClient(url, KEY) as client, asyncio.timeout(30):
        calling = asyncio.create_task(
            client.call("misbehaving", "spin", limits={"wall_seconds": 5})
        )
        while not (await host.ready()).workers.busy:
            await asyncio.sleep(0.01)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        # The one that spins is gone before its own deadline, and its worker with it.
        while (await host.ready()).workers.busy:
            await asyncio.sleep(0.01)


async def test_threads_share_a_client_and_its_connections(url: str) -> None:
    with Client(url, KEY) as client:
        results = await asyncio.gather(
            *(
                asyncio.to_thread(client.call, "calculator", "add", {"a": each, "b": 1})
                for each in range(20)
            )
        )
    assert [each.result for each in results] == list(range(1, 21))
