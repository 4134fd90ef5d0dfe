"""Analytics: what real use adds up to, by what it is asked for."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from accounts import accounts_of, count, finished, series
from guests import guest
from hosts import fake_host, package
from packages import package as real_package
from rows import add_tenant
from wardian import Settings, open_host
from wardian.errors import GuestError, InvalidArguments, Trap
from wardian.policy.prices import Amounts, Prices, read_prices, shown
from wardian.policy.sketch import RELATIVE_ERROR, bucket_of, merge, quantile_seconds
from wardian.runtime.accounting import Analytics
from wardian.runtime.accounting.analytics import AnalyticsQuery
from wardian.runtime.executor.job import WorkersReport
from wardian.storage import Database

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]


async def answers(arguments: Arguments, answer: Any) -> str:
    return "done"


async def says_no(arguments: Arguments, answer: Any) -> None:
    raise GuestError(payload="no")


async def traps(arguments: Arguments, answer: Any) -> None:
    raise Trap("It did what it must not.")


FUNCTIONS = {"run": answers, "refuse": says_no, "break": traps}


def analytics_of(database: Database, folding: Any) -> Analytics:
    workers = WorkersReport(idle=1, busy=2, queued=3, spawned=3, lost=0)
    return Analytics(database, folding, lambda: workers, currency="EUR")


@pytest.mark.usefixtures("on_both_databases")
async def test_what_was_used_is_told_at_once_by_plugin_function_version_and_outcome(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, FUNCTIONS) as made:
        for name in ("stores", "other"):
            await made.host.install(package(name), grants="all")
        for name, function, times in (("stores", "run", 3), ("stores", "break", 2),
                                      ("stores", "refuse", 1), ("other", "run", 1)):  # fmt: skip
            for _ in range(times):
                await asyncio.gather(made.host.call(name, function, {}), return_exceptions=True)

        async def by(*group: Any) -> dict[tuple[str | None, ...], int]:
            found = await made.host.analytics.query(AnalyticsQuery(group=group))
            return {tuple(getattr(each, n) for n in group): each.totals.calls
                    for each in found.groups}  # fmt: skip

        assert await by("plugin") == {("stores",): 6, ("other",): 1}
        assert await by("function") == {("run",): 4, ("break",): 2, ("refuse",): 1}
        assert await by("version") == {("1.0.0",): 7}
        assert await by("outcome") == {("ok",): 4, ("trap",): 2, ("guest-error",): 1}
        assert (await by("plugin", "outcome"))["stores", "trap"] == 2
        found = await made.host.analytics.query(AnalyticsQuery(plugin="stores"))
        plugin = (await made.host.plugin("stores")).statistics

    assert found.groups == []
    assert found.totals.errors == plugin.error_count == 2
    assert found.totals.calls == plugin.total_requests == 6
    assert found.totals.errors_by_type == {"guest-error": 1, "trap": 2}
    assert found.totals.fuel == 3 * 7
    assert sum(point.totals.calls for point in found.series) == 6


async def test_what_plugins_within_a_call_spend_counts_once(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS) as made:
        await made.host.install(package(), grants="all")
        accounting = made.parts.calls._services.accounting
        state = await made.parts.accounts.quotas.of("default")
        entry = await accounting.admitted("default", lambda: None, counted=True, nested=True)
        with entry:
            pass

        assert state.running == 0
        assert (await made.host.analytics.query()).totals.calls == 0


async def test_quantiles_over_any_range_are_those_of_all_calls(
    database: Database, tmp_path: Path
) -> None:
    await add_tenant(database)
    hosts = [accounts_of(database, tmp_path / str(number))[0] for number in range(2)]
    chance = random.Random(7)
    taken = sorted(chance.lognormvariate(-6, 1.5) for _ in range(3_000))
    # In the present day and the one before.
    for number, seconds in enumerate(chance.sample(taken, len(taken))):
        accounts = hosts[number % 2]
        count(accounts, call=finished(seconds=seconds, at=time.time() - 60 * (number % 300)))
        if number % 1_000 == 0:
            await accounts.folding.fold()
    for accounts in hosts:
        await accounts.folding.fold()

    for step in ("minute", "hour", "day"):
        wanted = AnalyticsQuery(step=step, start=datetime.now(UTC) - timedelta(days=1))
        totals = (await analytics_of(database, hosts[0].folding).query(wanted)).totals
        assert totals.calls == len(taken)
        for share, found in ((0.5, totals.p50), (0.95, totals.p95), (0.99, totals.p99)):
            exact = taken[-(-int(share * 100) * len(taken) // 100) - 1]
            assert found == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-3), (step, share)


def test_a_sketch_is_off_by_two_per_cent_at_the_most() -> None:
    for microseconds in [*range(2, 3_000), *(int(1.37**n) for n in range(3, 80))]:
        found = quantile_seconds({bucket_of(microseconds): 1}, 0.5)
        assert found == pytest.approx(microseconds / 1e6, rel=RELATIVE_ERROR + 1e-9)
    assert RELATIVE_ERROR <= 0.02
    one, other = {1: 2, 5: 1}, {5: 3, 9: 1}
    merge(one, other)
    assert one == {1: 2, 5: 4, 9: 1}
    assert quantile_seconds({}, 0.5) is None


def test_costs_are_exact() -> None:
    prices = Prices(
        per_call=Decimal("0.0000001"),
        per_billion_fuel=Decimal("0.02"),
        per_gib_egress=Decimal("0.09"),
        per_gib_second=Decimal("0.0000166667"),
    )
    amounts = Amounts(calls=3, fuel=10**9 + 1, egress_bytes=2**30, memory_kib_ms=2**20 * 1_000)

    cost = prices.cost(amounts)

    exact = Decimal("0.0000003") + Decimal("0.02000000002") + Decimal("0.09")
    assert cost == Fraction(exact + Decimal("0.0000166667"))
    assert shown(cost) == "0.11001696672"
    assert sum((prices.cost(amounts) for _ in range(10_000)), start=Fraction()) == cost * 10_000
    assert read_prices(prices.text()) == prices
    assert shown(Fraction(0)) == "0"
    assert shown(Fraction(1, 3)) == "0.333333333333333333"


async def test_calls_cost_what_the_prices_were_when_they_ended(
    database: Database, tmp_path: Path
) -> None:
    await add_tenant(database)
    for price in ("0.1", "0.3"):
        accounts, _ = accounts_of(database, tmp_path / "a", cost_call=Decimal(price))
        count(accounts, series(function="f"))
        count(accounts, series(function="g"), finished(flags=0))
        await accounts.folding.fold()

    found = await analytics_of(database, accounts.folding).query(
        AnalyticsQuery(group=("function",))
    )

    assert found.totals.cost == "0.4"
    assert {each.function: each.totals.cost for each in found.groups} == {"f": "0.4", "g": "0"}
    assert found.currency == "EUR"


async def test_a_range_that_is_none_or_too_long_is_refused(
    database: Database, tmp_path: Path
) -> None:
    await add_tenant(database)
    analytics = analytics_of(database, accounts_of(database, tmp_path / "a")[0].folding)
    now = datetime.now(UTC)
    # As far from UTC as a moment can be, where it leaves the calendar.
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    last = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))
    for wrong in (
        AnalyticsQuery(start=now, end=now - timedelta(days=1)),
        AnalyticsQuery(start=now - timedelta(days=10), step="minute"),
        AnalyticsQuery(start=first, end=now),
        AnalyticsQuery(start=last, end=first),
    ):
        with pytest.raises(InvalidArguments):
            await analytics.query(wrong)


async def test_an_answer_has_a_bound_and_says_what_it_leaves_out(
    database: Database, tmp_path: Path
) -> None:
    await add_tenant(database)
    accounts, _ = accounts_of(database, tmp_path / "a")
    for number in range(1_000):
        count(accounts, series(function=f"f{number}"))
    analytics = analytics_of(database, accounts.folding)

    found = await analytics.query(AnalyticsQuery(group=("function",)))
    top = await analytics.top(limit=10)

    assert found.totals.calls == top.today.calls == 1_000
    assert (len(found.groups), found.groups_left_out) == (100, 101)
    assert (len(top.rows), top.rows_left_out) == (10, 191)
    assert found.groups[0].function == "(others)"
    assert (top.workers.busy, top.workers.idle, top.workers.queued) == (2, 1, 3)


async def test_those_who_run_the_host_see_all_tenants_and_others_their_own(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS) as made:
        await made.host.tenants.create("other")
        for tenant, times in (("default", 1), ("other", 2)):
            await made.host.install(package(), grants="all", tenant=tenant)
            for _ in range(times):
                await made.host.call("stores", "run", {}, tenant=tenant)

        everybody = await made.host.analytics.query(AnalyticsQuery(group=("tenant",)), tenant=None)
        own = await made.host.analytics.query(AnalyticsQuery(group=("tenant",)), tenant="other")

    assert {each.tenant: each.totals.calls for each in everybody.groups} == {
        "default": 1,
        "other": 2,
    }
    assert [each.tenant for each in own.groups] == ["other"]


async def test_a_real_plugin_s_row_is_filled_by_its_use(tmp_path: Path) -> None:
    """The fields that a plugin's row has from the beginning, after use."""
    async with open_host(Settings(data_dir=tmp_path, workers_max=2)) as host:
        await host.install(real_package("misbehaving", guest("misbehaving")))
        for function in ("fine", "fine", "fine", "trap"):
            await asyncio.gather(host.call("misbehaving", function, {}), return_exceptions=True)

        found = await host.plugin("misbehaving")
        used = await host.analytics.query(AnalyticsQuery(plugin="misbehaving"))

    assert (found.statistics.total_requests, found.statistics.error_count) == (4, 1)
    assert found.statistics.success_rate == pytest.approx(0.75)
    assert found.statistics.avg_response_time == pytest.approx(used.totals.seconds / 4)
    assert used.totals.errors_by_type == {"trap": 1}
    assert used.totals.fuel > 0
    assert used.totals.memory_peak_bytes > 0
