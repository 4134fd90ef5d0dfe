"""Quotas of a day: who comes at once, who starts anew, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from accounts import accounts_of, count, finished
from callings import calling
from guests import guest
from hosts import fake_host, package
from packages import package as real_package
from wardian import Settings, open_host
from wardian.capabilities import Refused
from wardian.errors import (
    InvalidArguments,
    NotFound,
    OutOfFuel,
    QuotaExceeded,
    Trap,
    WardianError,
)
from wardian.policy.quotas import Lending
from wardian.policy.usage import Usage
from wardian.runtime.accounting import quotas
from wardian.runtime.accounting.views import QuotasView
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]
CALLERS = 64


async def answers(arguments: Arguments, answer: Any) -> str:
    await asyncio.sleep(0)
    return "done"


async def keeps(arguments: Arguments, answer: Any) -> Any:
    return await answer("kv", "set", [arguments["key"], "x" * arguments["size"], None])


FUNCTIONS = {"run": answers, "keep": keeps}


async def used(host: PluginHost, quota: str, tenant: str = "default") -> int:
    view = await host.quotas.of(tenant)
    return next(each.used for each in view.quotas if each.quota == quota)


def calls_of(view: QuotasView) -> tuple[int | None, int | None, bool]:
    calls = view.quotas[0]
    return calls.limit, calls.left, calls.overridden


async def at_once(host: PluginHost, function: str = "run", callers: int = CALLERS) -> list[Any]:
    calls = (host.call("stores", function, {}) for _ in range(callers))
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_callers_at_once_cannot_pass_the_quota_of_calls(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=10) as made:
        await made.host.install(package(), grants="all")

        found = await at_once(made.host)

        refused = [each for each in found if isinstance(each, QuotaExceeded)]
        assert len(refused) == CALLERS - 10
        assert len(made.executor.jobs) == 10
        assert await used(made.host, "calls") == 10
    assert "10 calls of today" in refused[0].message
    assert refused[0].quota == "calls"
    assert 0 < refused[0].retry_after_seconds <= 86_400


@pytest.mark.usefixtures("on_both_databases")
async def test_what_was_used_is_known_after_a_restart(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=3) as made:
        await made.host.install(package(), grants="all")
        await made.host.call("stores", "run", {})
        await made.host.call("stores", "run", {})

    async with fake_host(tmp_path, FUNCTIONS, quota_calls=3) as made:
        await made.host.call("stores", "run", {})
        with pytest.raises(QuotaExceeded):
            await made.host.call("stores", "run", {})


async def test_hosts_on_one_database_share_a_quota(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDIAN_DATABASE_URL", postgres_url)
    async with (
        fake_host(tmp_path / "a", FUNCTIONS, quota_calls=10) as one,
        fake_host(
            tmp_path / "b", FUNCTIONS, quota_calls=10, packages_dir=tmp_path / "a/packages"
        ) as two,
    ):
        await one.host.install(package(), grants="all")
        await two.host.call("stores", "run", {})
        found = await at_once(one.host, callers=8)
        assert not [each for each in found if isinstance(each, BaseException)]

        # What a fold and a look every two seconds do by themselves.
        await one.parts.accounts.folding.fold()
        await two.parts.accounts.quotas.sync()
        found = await at_once(two.host)

        assert sum(each is None or not isinstance(each, BaseException) for each in found) == 1
        assert await used(two.host, "calls") == 10


async def test_another_host_s_day_is_another_tenant_s_no_more_than_this_one_s(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=2) as made:
        await made.host.tenants.create("other")
        for tenant in ("default", "other"):
            await made.host.install(package(), grants="all", tenant=tenant)
        await at_once(made.host, callers=5)

        await made.host.call("stores", "run", {}, tenant="other")
        assert await used(made.host, "calls", "other") == 1
        assert await used(made.host, "calls") == 2


async def test_a_tenant_s_own_quotas_come_before_the_host_s_and_are_audited(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=1) as made:
        host = made.host
        await host.install(package(), grants="all")
        await host.call("stores", "run", {})
        with pytest.raises(QuotaExceeded):
            await host.call("stores", "run", {})

        view = await host.quotas.set({"calls": 2}, actor="operator")
        assert calls_of(view) == (2, 1, True)
        await host.call("stores", "run", {})
        with pytest.raises(QuotaExceeded):
            await host.call("stores", "run", {})
        await host.quotas.set({"calls": None})
        await host.call("stores", "run", {})
        view = await host.quotas.set({})
        assert calls_of(view) == (1, 0, False)

        with pytest.raises(NotFound):
            await host.quotas.set({"calls": 2}, tenant="nobody")
        for wrong in ({"call": 1}, {"calls": -1}, {"calls": True}, {"calls": 2**63}):
            with pytest.raises(InvalidArguments):
                await host.quotas.set(wrong)


async def test_a_day_s_quota_is_told_of_twice_and_no_more(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=5) as made:
        await made.host.install(package(), grants="all")
        sync = made.parts.accounts.quotas.sync
        seen = await made.host.bus.subscribe("quota.*")
        await at_once(made.host, callers=3)
        await sync()
        await at_once(made.host, callers=1)
        await made.parts.accounts.folding.fold()
        await sync()
        near = await anext(seen)
        await at_once(made.host)
        await made.parts.accounts.folding.fold()
        await sync()
        over = await anext(seen)
        for _ in range(3):
            await at_once(made.host)
            await sync()

    async with fake_host(tmp_path, FUNCTIONS, quota_calls=5) as made:
        await at_once(made.host)
        await made.parts.accounts.quotas.sync()
        assert len(await made.host.events.recent(100, "quota.*", tenant="default")) == 2
    assert (near.topic, over.topic) == ("quota.nearing", "quota.exceeded")
    day = datetime.fromtimestamp(quotas.today() * 86_400, UTC).date().isoformat()
    assert json.loads(near.data) == {"quota": "calls", "used": 4, "limit": 5, "day": day}
    assert json.loads(over.data) == {"quota": "calls", "used": 5, "limit": 5, "day": day}


async def test_calls_at_once_are_lent_no_more_fuel_than_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent: list[int] = []
    most = 0

    async def spends(arguments: Arguments, answer: Any) -> None:
        nonlocal most
        lent.append(made.executor.jobs[-1].limits.fuel or 0)
        await asyncio.sleep(0)
        most = max(most, state.fuel.lent)

    async with fake_host(tmp_path, {"run": spends}, quota_fuel=10_000_000_000) as made:
        await made.host.install(package(), grants="all")
        state = await made.parts.accounts.quotas.of("default")
        found = await at_once(made.host)

        assert not [each for each in found if isinstance(each, BaseException)]
        assert most <= 10_000_000_000
        assert state.fuel.lent == 0
        assert state.running == 0
        assert len(lent) == CALLERS
        assert await used(made.host, "fuel") == 7 * CALLERS


async def test_a_call_that_is_cut_off_gives_back_what_it_was_lent_and_pays_for_its_time(
    tmp_path: Path,
) -> None:
    began = asyncio.Event()

    async def hangs(arguments: Arguments, answer: Any) -> None:
        made.executor.jobs[-1].account.began_at = asyncio.get_running_loop().time() - 2
        began.set()
        await asyncio.Event().wait()

    async with fake_host(tmp_path, {"run": hangs}, quota_fuel=10**12) as made:
        await made.host.install(package(), grants="all")
        call = asyncio.create_task(made.host.call("stores", "run", {}))
        await began.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        state = await made.parts.accounts.quotas.of("default")
        view = await made.host.analytics.query()

        assert (state.running, state.fuel.lent) == (0, 0)
        assert view.totals.errors_by_type == {"cancelled": 1}
        assert await used(made.host, "calls") == 1
        assert await used(made.host, "fuel") >= 2_000_000_000


async def test_a_call_that_does_not_begin_costs_nothing(tmp_path: Path) -> None:
    async def refuses(arguments: Arguments, answer: Any) -> None:
        raise InvalidArguments("It is not what was asked for.")

    async with fake_host(tmp_path, {"run": refuses}, quota_calls=1, quota_fuel=10**10) as made:
        await made.host.install(package(), grants="all")
        for _ in range(3):
            with pytest.raises(InvalidArguments):
                await made.host.call("stores", "run", {})

        assert await used(made.host, "calls") == 0


async def test_one_call_cannot_spend_more_fuel_than_the_day_has(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=2, quota_fuel=200_000_000)
    async with open_host(settings) as host:
        await host.install(real_package("misbehaving", guest("misbehaving")))
        with pytest.raises(Trap):
            await host.call("misbehaving", "trap", {})
        with pytest.raises(OutOfFuel):
            await host.call("misbehaving", "spin", {})
        with pytest.raises(QuotaExceeded) as refused:
            await host.call("misbehaving", "spin", {})

        assert refused.value.quota == "fuel"
        assert await used(host, "fuel") <= 200_000_000


async def test_workers_at_once_cannot_spend_more_fuel_than_the_day_has(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=4, quota_fuel=300_000_000, queue_seconds=60)
    async with open_host(settings) as host:
        await host.install(real_package("misbehaving", guest("misbehaving")))
        calls = (host.call("misbehaving", "spin", {}) for _ in range(CALLERS))
        found = await asyncio.gather(*calls, return_exceptions=True)

        assert {type(each) for each in found} == {OutOfFuel, QuotaExceeded}
        assert await used(host, "fuel") <= 300_000_000


async def test_requests_at_once_are_lent_no_more_egress_than_is_left(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_egress_bytes=1_000_000) as made:
        await made.host.install(package(), grants="all")
        accounting = made.parts.calls._services.accounting
        plugin = await made.parts.registry.get("default", "stores")
        state = await made.parts.accounts.quotas.of("default")
        lent, refusals = [], []
        with ExitStack() as running:
            for _ in range(CALLERS):
                entry = running.enter_context(
                    await accounting.admitted("default", lambda: None, counted=True, nested=False)
                )
                entry.begins(plugin, "run", calling())
                try:
                    lent.append(running.enter_context(entry.lent(4_000_000)))
                except Refused as refused:
                    refusals.append((refused.case, refused.text))

            assert len(lent) > 1
            assert {case for case, _ in refusals} == {"exhausted"}
            assert all("hold what is left" in text for _, text in refusals)
            assert sum(lent) <= 1_000_000

        assert state.egress.lent == 0


async def test_what_a_running_call_moves_counts_at_once_and_once(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_egress_bytes=1_000) as made:
        await made.host.install(package(), grants="all")
        accounting = made.parts.calls._services.accounting
        plugin = await made.parts.registry.get("default", "stores")
        call = calling()
        with await accounting.admitted(
            "default", lambda: None, counted=True, nested=False
        ) as entry:
            entry.begins(plugin, "run", call)
            entry.check()
            call.budget.transferred(400, 600)
            entry.moved(1_000)
            with pytest.raises(Refused, match="1,000 bytes of egress of today"):
                entry.check()
            with pytest.raises(Refused), entry.lent(10):
                pass
            entry.finish(Usage(wall_seconds=0.1), "ok")

        assert await used(made.host, "egress_bytes") == 1_000
        assert (await made.parts.accounts.quotas.of("default")).moving == 0
        await made.host.call("stores", "run", {})  # it may send nothing, and so needs none


async def test_a_plugin_that_may_send_is_refused_before_it_begins_when_egress_is_used_up(
    tmp_path: Path,
) -> None:
    sends = """
[[permissions]]
permission = "http:request:GET:https://api.example.org/*"
reason = "Asks."
"""
    async with fake_host(tmp_path, FUNCTIONS, quota_egress_bytes=0) as made:
        await made.host.install(package(more=sends), grants="all")
        with pytest.raises(QuotaExceeded) as refused:
            await made.host.call("stores", "run", {})

        assert refused.value.quota == "egress_bytes"
        assert made.executor.jobs == []


async def test_what_plugins_keep_has_a_bound_for_all_of_them(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_storage_bytes=5_000) as made:
        for name in ("stores", "other"):
            await made.host.install(package(name), grants="all")

        async def keep(name: str, key: str, size: int) -> Any:
            return (await made.host.call(name, "keep", {"key": key, "size": size})).result["tag"]

        assert await keep("stores", "a", 2_000) == "ok"
        assert await keep("other", "a", 2_000) == "ok"
        assert await keep("other", "b", 2_000) == "err"
        assert await keep("other", "a", 1_000) == "ok"
        assert await keep("other", "b", 1_000) == "ok"
        assert await used(made.host, "storage_bytes") <= 5_000


async def test_a_package_for_which_there_is_no_room_is_not_installed(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_storage_bytes=10) as made:
        await made.host.install(package(), grants="all")
        with pytest.raises(QuotaExceeded, match="quota of 10 bytes of storage"):
            await made.host.install(package("other"), grants="all")

        assert [plugin.name for plugin in await made.host.plugins()] == ["stores"]


async def test_the_host_s_own_calls_are_never_refused_and_are_accounted_for(
    tmp_path: Path,
) -> None:
    from_guest = "wardian:plugin/lifecycle@1.0.0#init"
    async with fake_host(tmp_path, {"run": answers, from_guest: answers}, quota_calls=0) as made:
        view = await made.host.install(package(), grants="all")
        with pytest.raises(QuotaExceeded):
            await made.host.call("stores", "run", {})

        found = await made.host.analytics.query()
        assert view.state == "active"
        assert found.totals.calls == len(made.executor.jobs)
        assert await used(made.host, "calls") == 0


def test_what_is_lent_and_what_is_spent_are_never_more_than_there_is() -> None:
    lending = Lending(least=10, comfort=100)
    left = 1_000

    given = [lending.lend(10_000, left) for _ in range(10)]

    assert given[0] == 500
    assert sum(given) == lending.lent <= left
    lending.give_back(given[0])
    assert lending.lend(50, left) == 50


async def test_calls_wait_for_fuel_that_others_hold_in_the_order_they_came(
    tmp_path: Path,
) -> None:
    order: list[int] = []
    async with fake_host(tmp_path, FUNCTIONS, quota_fuel=1_000_000) as made:
        daily = made.parts.accounts.quotas
        state = await daily.of("default")
        held = await daily.borrow_fuel(state, 10**9)

        async def borrows(number: int) -> None:
            lent = await daily.borrow_fuel(state, 10**9)
            order.append(number)
            assert lent == 1_000_000
            daily.give_back_fuel(state, lent)

        tasks = [asyncio.create_task(borrows(number)) for number in range(20)]
        while len(state.waiting) < 20:
            await asyncio.sleep(0)
        tasks[3].cancel()
        assert held == 1_000_000
        daily.give_back_fuel(state, held)
        await asyncio.gather(*tasks, return_exceptions=True)

    assert order == [0, 1, 2, *range(4, 20)]
    assert state.fuel.lent == 0
    assert not state.waiting


async def test_a_day_that_begins_has_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=1) as made:
        await made.host.install(package(), grants="all")
        await made.host.call("stores", "run", {})
        with pytest.raises(QuotaExceeded):
            await made.host.call("stores", "run", {})

        tomorrow = quotas.today() + 1
        monkeypatch.setattr(quotas, "today", lambda: tomorrow)
        await made.host.call("stores", "run", {})


async def test_a_database_that_does_not_answer_refuses_what_cannot_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, FUNCTIONS, quota_calls=1) as made:
        await made.host.install(package(), grants="all")

        async def fails(*arguments: object) -> None:
            raise WardianError("The database did not answer.")

        made.parts.accounts.quotas._tenants.clear()
        monkeypatch.setattr(quotas.DailyQuotas, "_read", fails)
        with pytest.raises(WardianError, match="did not answer"):
            await made.host.call("stores", "run", {})


async def test_quotas_count_what_the_ledger_holds(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS) as made:
        accounts, _ = accounts_of(made.parts.database, tmp_path / "b")
        count(accounts, call=finished(fuel=5, sent=2, received=3))
        state = await accounts.quotas.of("default")
        spent = accounts.quotas.spent(state)

    assert (spent.calls, spent.fuel, spent.egress_bytes) == (1, 5, 5)
