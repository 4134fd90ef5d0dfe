"""What a host does with dependencies: install, enable, disable, uninstall, also at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.errors import Conflict, GuestError, InvalidArguments, InvalidComponent, NotFound
from wardian.runtime.host import Delivery
from wardian.runtime.installs import DELIVERIES_MAX

pytestmark = pytest.mark.anyio

INIT = "wardian:plugin/lifecycle@1.0.0#init"
HEALTH = "wardian:plugin/lifecycle@1.0.0#health"


def needing(name: str, version: str = "1.0.0", wasm: bytes = WASM, **needs: str) -> bytes:
    """A package that needs others."""
    lines = "".join(f'{need} = "{accepts}"\n' for need, accepts in needs.items())
    return package(name, wasm, f"[dependencies]\n{lines}", version)


BILLING = needing("billing", "2.0.0")
ORDERS = needing("orders", "1.0.0", billing="^2")
REPORTS = needing("reports", "3.1.0", orders="^1")


async def states(made: FakeHost) -> dict[str, str]:
    return {view.name: view.state for view in await made.host.plugins()}


async def told(made: FakeHost, count: int, pattern: str = "plugin.*") -> list[dict[str, Any]]:
    """The last events, the oldest first."""
    events = await made.host.events.recent(count, pattern, tenant="default")
    return [{"topic": event.topic, **json.loads(event.data)} for event in reversed(events)]


async def three(made: FakeHost) -> None:
    """Reports need orders, which need billing."""
    await made.host.install_all([REPORTS, ORDERS, BILLING])


async def test_a_package_whose_dependency_is_missing_is_refused_before_it_is_compiled(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(Conflict, match=r"orders 1\.0\.0 → billing \^2: no plugin named"):
            await made.host.install(ORDERS)
        await made.host.install(needing("billing", "1.4.0"))
        with pytest.raises(Conflict, match=r"needs billing \^2, but billing 1\.4\.0 is installed"):
            await made.host.install(ORDERS)

        assert len(made.executor.admitted) == 1
        assert list(await states(made)) == ["billing"]


async def test_a_package_is_installed_when_its_dependency_is_there(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(BILLING)

        assert (await made.host.install(ORDERS)).state == "active"


async def test_a_plugin_of_another_tenant_is_nobody_s_dependency(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(BILLING, tenant="acme")

        with pytest.raises(Conflict, match="no plugin named billing"):
            await made.host.install(ORDERS)
        await made.host.uninstall("billing", tenant="acme")


async def test_with_a_dependency_that_is_off_a_plugin_is_installed_but_not_enabled(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(BILLING, enable=False)
        with pytest.raises(Conflict, match=r"billing \^2: billing 2\.0\.0 is installed\. Enable"):
            await made.host.install(ORDERS)

        assert (await made.host.install(ORDERS, enable=False)).state == "installed"


async def test_packages_that_need_each_other_are_installed_in_order(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        batch = await made.host.install_all([REPORTS, Delivery(source=ORDERS), BILLING])

        assert [view.name for view in batch.installed] == ["billing", "orders", "reports"]
        assert set((await states(made)).values()) == {"active"}
        assert batch.left_out == []


async def test_of_several_versions_the_newest_that_fits_is_installed(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        batch = await made.host.install_all([needing("billing", "3.0.0"), ORDERS, BILLING])

        assert [view.version for view in batch.installed] == ["2.0.0", "1.0.0"]
        assert batch.left_out == ["billing 3.0.0"]


@pytest.mark.parametrize(
    ("sources", "error"),
    [
        ([BILLING, ORDERS, needing("other", wasm=b"no component", orders="*")], InvalidComponent),
        ([BILLING, ORDERS, needing("other", orders="^9")], Conflict),
        ([needing("a", b="*"), needing("b", a="*")], Conflict),
        ([BILLING, BILLING], Conflict),
        ([], InvalidArguments),
        ([BILLING] * (DELIVERIES_MAX + 1), InvalidArguments),
    ],
)
async def test_of_packages_of_which_one_fails_nothing_is_left(
    tmp_path: Path, sources: list[bytes], error: type[Exception]
) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(error):
            await made.host.install_all(sources)

        assert await made.host.plugins() == []
        assert list((tmp_path / "packages").iterdir()) == []
        assert await made.host.events.recent(10, "plugin.*", tenant="default") == []


async def test_packages_stay_out_when_what_they_need_goes_while_they_are_compiled(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(BILLING)
        made.executor.admitting.clear()
        installing = asyncio.create_task(made.host.install(ORDERS))
        while not made.executor.waiting:
            await asyncio.sleep(0)
        await made.host.uninstall("billing")
        made.executor.admitting.set()

        with pytest.raises(Conflict, match="no plugin named billing"):
            await installing
        assert await made.host.plugins() == []
        assert list((tmp_path / "packages").iterdir()) == []


async def test_what_others_need_is_not_disabled_or_uninstalled_without_saying_so(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        before = await states(made)

        with pytest.raises(Conflict) as caught:
            await made.host.disable("billing")
        assert caught.value.message.startswith(
            "billing is needed by plugins that are enabled: "
            "reports 3.1.0 → orders ^1 → billing ^2; orders 1.0.0 → billing ^2. Disable them first"
        )
        with pytest.raises(Conflict, match=r"orders is needed by .* Uninstall them first"):
            await made.host.uninstall("orders")
        assert await states(made) == before


async def test_a_cascade_disables_dependents_first_each_with_the_reason(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)

        view = await made.host.disable("billing", cascade=True, actor="bob")

        assert (view.name, view.state, view.state_reason) == (
            "billing",
            "disabled",
            "disabled by bob",
        )
        assert [(each.name, each.state, each.state_reason) for each in view.also] == [
            ("reports", "disabled", "needs orders, which needs billing, which was disabled by bob"),
            ("orders", "disabled", "needs billing, which was disabled by bob"),
        ]
        assert [(each["topic"], each["plugin"]) for each in await told(made, 3)] == [
            ("plugin.disabled", "reports"),
            ("plugin.disabled", "orders"),
            ("plugin.disabled", "billing"),
        ]


async def test_a_cascade_uninstalls_dependents_first_and_leaves_those_that_are_off(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        await made.host.install(needing("idle", billing="*"), enable=False)

        gone = await made.host.uninstall("billing", cascade=True, actor="bob")

        assert gone == ["reports", "orders", "billing"]
        assert await states(made) == {"idle": "installed"}
        assert len(list((tmp_path / "packages").iterdir())) == 1
        assert [
            (each["plugin"], each["reason"]) for each in await told(made, 3, "plugin.uninstalled")
        ] == [
            ("reports", "needs orders, which needs billing, which was uninstalled by bob"),
            ("orders", "needs billing, which was uninstalled by bob"),
            ("billing", "uninstalled by bob"),
        ]
        with pytest.raises(Conflict, match=r"idle 1\.0\.0 → billing \*: no plugin named billing"):
            await made.host.enable("idle")


async def test_a_plugin_is_enabled_only_with_all_that_it_needs(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        await made.host.disable("billing", cascade=True, actor="bob")

        with pytest.raises(Conflict) as caught:
            await made.host.enable("reports")
        assert caught.value.message.startswith(
            "reports 3.1.0 → orders ^1 → billing ^2: billing 2.0.0 is disabled (disabled by bob)."
        )
        view = await made.host.enable("reports", cascade=True)
        assert [each.name for each in view.also] == ["billing", "orders"]
        assert set((await states(made)).values()) == {"active"}
        assert (await made.host.enable("reports", cascade=True)).also == []


async def test_inits_run_in_order_and_one_that_fails_is_told(tmp_path: Path) -> None:
    order: list[str] = []

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        order.append(f"init {len(order)}")
        if len(order) == 1:
            raise GuestError(payload="no ledger")

    async with fake_host(tmp_path, {INIT: init}) as made:
        batch = await made.host.install_all([ORDERS, BILLING])

        assert [(view.name, view.state) for view in batch.installed] == [
            ("billing", "enabled"),
            ("orders", "active"),
        ]
        assert batch.installed[0].state_reason == "its init failed: no ledger"


async def test_a_quarantine_leaves_dependents_as_they_are_and_names_them(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        plugin = await made.parts.registry.get("default", "billing")
        await made.parts.lifecycle.quarantine(plugin, "it crashed")

        assert await states(made) == {
            "billing": "quarantined",
            "orders": "active",
            "reports": "active",
        }
        (event,) = await told(made, 1, "plugin.quarantined")
        assert event["needed_by"] == ["reports", "orders"]
        with pytest.raises(Conflict, match="billing is needed by"):
            await made.host.uninstall("billing")
        # The way back: those that need it lost it with the quarantine, so nobody stands in it.
        await made.host.disable("billing")
        await made.host.enable("billing")
        assert set((await states(made)).values()) == {"active"}


@pytest.mark.usefixtures("on_both_databases")
async def test_a_disable_and_an_enable_at_once_never_leave_a_plugin_without_what_it_needs(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install_all([ORDERS, BILLING])
        for turn in range(40):
            await made.host.disable("billing", cascade=True)
            await made.host.enable("billing")
            requests = [made.host.enable("orders"), made.host.disable("billing")]
            outcomes = await asyncio.gather(
                *(requests if turn % 2 else reversed(requests)), return_exceptions=True
            )

            found = await states(made)
            assert (found["orders"], found["billing"]) != ("active", "disabled")
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1


@pytest.mark.usefixtures("on_both_databases")
async def test_cascades_at_once_come_to_an_end_and_leave_nothing_half(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        for _ in range(20):
            await asyncio.gather(
                made.host.disable("billing", cascade=True),
                made.host.enable("reports", cascade=True),
                made.host.disable("orders", cascade=True),
                made.host.enable("orders", cascade=True),
            )
            found = await states(made)
            on = [name for name in ("billing", "orders", "reports") if found[name] == "active"]
            assert on == ["billing", "orders", "reports"][: len(on)]


async def test_a_cascade_waits_for_a_dependent_that_is_being_initialised(tmp_path: Path) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        if len(made.executor.jobs) > 1:
            started.set()
            await finish.wait()

    async with fake_host(tmp_path, {INIT: init}) as made:
        await made.host.install(BILLING)
        installing = asyncio.create_task(made.host.install(ORDERS))
        await started.wait()
        disabling = asyncio.create_task(made.host.disable("billing", cascade=True))
        finish.set()
        await asyncio.gather(installing, disabling)

        assert await states(made) == {"billing": "disabled", "orders": "disabled"}


async def test_dependencies_are_shown_both_ways(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        await made.host.install(needing("idle", billing="*", orders="*"), enable=False)

        view = await made.host.dependencies("billing")

        assert (view.name, view.version, view.needs) == ("billing", "2.0.0", [])
        assert view.enabled_dependents == ["reports", "orders"]
        idle, orders = view.needed_by
        assert (idle.name, idle.range, idle.state, idle.satisfied) == (
            "idle",
            "*",
            "installed",
            True,
        )
        assert [each.name for each in orders.needed_by] == ["idle", "reports"]
        (need,) = (await made.host.dependencies("reports")).needs
        assert (need.name, need.range, need.version, need.satisfied) == (
            "orders",
            "^1",
            "1.0.0",
            True,
        )
        assert [(each.name, each.range) for each in need.needs] == [("billing", "^2")]
        with pytest.raises(NotFound):
            await made.host.dependencies("nobody")


async def test_a_dependency_that_is_gone_is_shown_as_missing(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install_all([ORDERS, BILLING])
        await made.host.disable("orders")
        await made.host.uninstall("billing")

        (need,) = (await made.host.dependencies("orders")).needs

        assert (need.version, need.state, need.satisfied) == (None, None, False)


async def test_a_tree_with_exponentially_many_ways_through_it_is_shown_once(
    tmp_path: Path,
) -> None:
    layers = 20
    async with fake_host(tmp_path) as made:
        for layer in range(layers):
            below = {f"p{layer - 1}-{side}": "*" for side in "ab"} if layer else {}
            for side in "ab":
                await made.host.install(needing(f"p{layer}-{side}", **below))
        view = await made.host.dependencies(f"p{layers - 1}-a")

    shown, pending = 0, list(view.needs)
    while pending:
        each = pending.pop()
        shown += 1
        pending += each.needs
    assert shown == 2 * 2 * (layers - 1) - 2


async def test_an_upgrade_is_refused_when_an_enabled_plugin_does_not_take_the_new_version(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await three(made)
        newer, newest = needing("billing", "2.1.0"), needing("billing", "3.0.0")

        with pytest.raises(Conflict, match=r"orders 1\.0\.0 → billing \^2") as caught:
            await made.host.upgrade(newest)
        assert caught.value.step == "compare"
        found = await made.host.upgrade_report(newest)
        assert [(obstacle.step, obstacle.type) for obstacle in found.obstacles] == [
            ("compare", "conflict")
        ]
        (user,) = found.dependents
        assert (user.name, user.range, user.state, user.takes_it) == (
            "orders",
            "^2",
            "active",
            False,
        )
        upgraded = await made.host.upgrade(newer)
        assert upgraded.report.dependents[0].takes_it

        # The way on: what is off holds nothing, and says what it misses when it is enabled.
        await made.host.disable("orders", cascade=True)
        assert (await made.host.upgrade(newest)).plugin.version == "3.0.0"
        with pytest.raises(Conflict, match=r"needs billing \^2, but billing 3\.0\.0 is installed"):
            await made.host.enable("orders")
        assert (await made.host.rollback("billing")).version == "2.1.0"
        await made.host.enable("reports", cascade=True)


async def test_an_upgrade_is_refused_without_what_the_new_version_needs(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(BILLING)

        with pytest.raises(Conflict, match=r"billing 2\.1\.0 → ledger \^1: no plugin named"):
            await made.host.upgrade(needing("billing", "2.1.0", ledger="^1"))

        await made.host.install(needing("ledger"))
        await made.host.upgrade(needing("billing", "2.1.0", ledger="^1"))
        with pytest.raises(Conflict, match="ledger is needed by"):
            await made.host.disable("ledger")


async def test_a_rollback_is_refused_when_an_enabled_plugin_needs_the_newer_version(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(needing("billing", "1.4.0"))
        await made.host.upgrade(BILLING)
        await made.host.install(ORDERS)

        with pytest.raises(Conflict, match=r"orders 1\.0\.0 → billing \^2") as caught:
            await made.host.rollback("billing")

        assert caught.value.step == "compare"
        assert (await made.host.plugin("billing")).version == "2.0.0"


async def test_a_plugin_that_is_enabled_in_the_middle_of_an_upgrade_stops_it(
    tmp_path: Path,
) -> None:
    enabled: list[str] = []

    async def health(arguments: Mapping[str, Any], answer: Any) -> dict[str, Any]:
        enabled.append((await made.host.enable("orders")).state)
        return {"tag": "healthy", "val": None}

    async with fake_host(tmp_path, {HEALTH: health}) as made:
        await made.host.install(BILLING)
        await made.host.install(ORDERS, enable=False)

        with pytest.raises(Conflict, match=r"orders 1\.0\.0 → billing \^2") as caught:
            await made.host.upgrade(needing("billing", "3.0.0"))

        assert caught.value.step == "swap"
        assert enabled == ["active"]
        assert (await made.host.plugin("billing")).version == "2.0.0"
