"""What stops an upgrade, and what it takes along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from guests.lives import version
from telling import check_fields
from wardian import Settings, open_host
from wardian.errors import Conflict, InvalidArguments, InvalidManifest, NotFound
from wardian.plugins import Installed
from wardian.policy.levels import Level
from wardian.runtime.host import PluginHost
from wardian.runtime.transition import Transitions

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

EXTRA = '(func (export "extra") (result u32) (canon lift (core func $main "version")))'
PUBLISHES = '[[permissions]]\npermission = "events:publish:orders.*"\nreason = "Tells."\n'
SCHEMA = """
[config_schema]
type = "object"
properties.v = {{ type = "{type}" }}
properties.size = {{ type = "integer", maximum = {most} }}
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    settings = Settings(data_dir=tmp_path, workers_max=1)
    async with open_host(settings) as opened:
        yield opened


async def refused(host: PluginHost, content: bytes, step: str, **options: Any) -> Conflict:
    """Upgrade to what is refused; nothing has changed then."""
    before = await host.plugin("lives"), await host.versions("lives")
    with pytest.raises(Conflict) as caught:
        await host.upgrade(content, **options)
    assert caught.value.step == step
    assert (await host.plugin("lives"), await host.versions("lives")) == before
    return caught.value


async def test_only_a_newer_version_is_an_upgrade(host: PluginHost) -> None:
    await host.install(version(2), grants="all")

    assert "in use already" in (await refused(host, version(2), "compare")).message
    other = version(3, to="2.0.0")
    assert "number of its own" in (await refused(host, other, "compare")).message
    older = await refused(host, version(1), "compare")
    assert "older than 2.0.0" in older.message
    assert "wardian rollback lives" in older.message

    assert (await host.upgrade(other, reload=True)).plugin.version == "2.0.0"
    assert (await host.upgrade(version(1), allow_older=True)).plugin.version == "1.0.0"


async def test_a_plugin_is_upgraded_by_its_own_packages_only(host: PluginHost) -> None:
    await host.install(version(1), grants="all")

    with pytest.raises(NotFound, match="'other'"):
        await host.upgrade(version(2, name="other"))
    with pytest.raises(Conflict, match="of 'other', and cannot upgrade 'lives'") as refused:
        await host.upgrade(version(2, name="other"), name="lives")
    assert refused.value.step == "read"
    with pytest.raises(InvalidManifest, match="stopped at the step 'read'"):
        await host.upgrade(b"no package", name="lives")


async def test_a_version_that_breaks_callers_has_to_say_so(host: PluginHost) -> None:
    await host.install(version(1, extra=EXTRA), grants="all")

    unannounced = await refused(host, version(2, to="1.1.0"), "compare")
    assert "extra: is gone" in unannounced.message
    assert "2.0.0 or later" in unannounced.message
    done = await host.upgrade(version(2, to="1.1.0"), allow_breaking=True)
    assert (done.report.breaking, done.report.announced) == (True, False)


async def test_a_version_that_says_that_it_breaks_callers_may(host: PluginHost) -> None:
    await host.install(version(1, extra=EXTRA), grants="all")

    done = await host.upgrade(version(2))

    assert (done.report.breaking, done.report.announced) == (True, True)
    (change,) = done.report.changes
    assert (change.subject, change.kind) == ("extra", "removed")


async def test_what_a_version_newly_asks_for_needs_approval(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    asking = version(2, more=PUBLISHES)

    unapproved = await refused(host, asking, "approve")
    assert unapproved.needs_approval == ("events:publish:orders.*",)
    assert unapproved.details() == {"needs_approval": ["events:publish:orders.*"]}
    for word in ("--approve all", "--approve none"):
        assert word in unapproved.message
    with pytest.raises(InvalidArguments, match=r"'kv:read' needs no approval") as caught:
        await host.upgrade(asking, approve=["kv:read"])
    assert caught.value.path == "approve[0]"

    done = await host.upgrade(asking, approve=["events:publish:orders.*"])
    assert done.plugin.granted == ["events:publish:orders.*", "kv:read", "kv:write"]


async def test_new_permissions_may_stay_ungranted(host: PluginHost) -> None:
    await host.install(version(1), grants=["kv:read"])

    done = await host.upgrade(version(2, more=PUBLISHES), approve="none")

    assert done.plugin.granted == ["kv:read"]
    assert done.report.new_permissions == ("events:publish:orders.*",)


async def test_what_a_version_asks_less_of_is_granted_as_far_as_it_asks(host: PluginHost) -> None:
    await host.install(version(1, more=PUBLISHES), grants="all")
    narrower = PUBLISHES.replace("orders.*", "orders.new")

    done = await host.upgrade(version(2, more=narrower))

    assert done.plugin.granted == ["events:publish:orders.new", "kv:read", "kv:write"]
    assert done.report.needs_approval == ()
    back = await host.rollback("lives")
    assert "events:publish:orders.*" in back.granted


async def test_scopes_need_approval_too_and_the_report_says_what_each_thing_risks(
    host: PluginHost,
) -> None:
    await host.install(version(1), grants="all")
    scoped = 'required_scopes = ["repo"]\noauth = [{ provider = "hub" }]\n'

    found = await host.upgrade_report(version(2, more=scoped + PUBLISHES))

    assert found.needs_approval == (
        "events:publish:orders.*",
        "required_scope:repo",
        "oauth_scope:hub",
    )
    assert [(item.wanted, item.risk) for item in found.widened] == [
        ("events:publish:orders.*", "medium"),
        ("repo", "medium"),
        ("hub", "high"),
    ]
    scopes = found.needs_approval[1:]
    done = await host.upgrade(version(2, more=scoped + PUBLISHES), approve=scopes)
    assert done.plugin.granted == ["kv:read", "kv:write"]


async def test_a_level_that_trusts_more_is_approved_or_refused(host: PluginHost) -> None:
    await host.install(version(1, more='sandbox_level = "isolated"'), grants="all")
    trusting = version(2, more='sandbox_level = "standard"')

    unapproved = await refused(host, trusting, "approve", approve="none")
    assert unapproved.needs_approval == ("sandbox_level:standard",)
    assert (await host.upgrade(trusting, approve="all")).plugin.level == Level.STANDARD
    stricter = version(3, more='sandbox_level = "isolated"')
    assert (await host.upgrade(stricter)).plugin.level == Level.ISOLATED


async def test_the_configuration_has_to_fit_the_new_version(host: PluginHost) -> None:
    await host.install(version(1, more=SCHEMA.format(type="integer", most=100)), grants="all")
    await host.set_config("lives", {"size": 50})
    tighter = version(2, more=SCHEMA.format(type="integer", most=10))

    with pytest.raises(InvalidArguments, match="50 is greater") as caught:
        await host.upgrade(tighter)
    assert (caught.value.step, caught.value.path) == ("compare", "size")
    assert (await host.plugin("lives")).version == "1.0.0"

    await host.set_config("lives", {"size": 5})
    await host.upgrade(tighter)
    assert await host.config("lives") == {"v": 2, "size": 5}


async def test_a_configuration_that_is_set_in_the_middle_of_an_upgrade_has_to_fit_it(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.install(version(1, more=SCHEMA.format(type="integer", most=9)), grants="all")
    probed = Transitions._probe

    async def configuring(transitions: Transitions, new: Installed) -> None:
        await host.set_config("lives", {"size": 9})
        await probed(transitions, new)

    monkeypatch.setattr(Transitions, "_probe", configuring)
    with pytest.raises(InvalidArguments, match="change the configuration first") as caught:
        await host.upgrade(version(2, more=SCHEMA.format(type="integer", most=5)))

    assert (caught.value.step, caught.value.path) == ("swap", "size")
    assert (await host.plugin("lives")).version == "1.0.0"
    assert await host.config("lives") == {"v": 1, "size": 9}


async def test_a_grant_that_a_version_has_no_use_for_is_gone_until_a_rollback(
    host: PluginHost,
) -> None:
    await host.install(version(1, more=PUBLISHES), grants="all")

    dropped = await host.upgrade(version(2))
    assert dropped.plugin.granted == ["kv:read", "kv:write"]
    assert dropped.report.dropped_permissions == ("events:publish:orders.*",)
    await refused(host, version(3, more=PUBLISHES), "approve")

    back = await host.rollback("lives")
    assert back.granted == ["events:publish:orders.*", "kv:read", "kv:write"]


async def test_a_rollback_brings_nothing_back_that_was_revoked(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    await host.upgrade(version(2))
    await host.set_grants("lives", ["kv:read"])

    assert (await host.rollback("lives")).granted == ["kv:read"]


async def test_a_rollback_brings_nothing_back_that_was_revoked_of_a_version_between(
    host: PluginHost,
) -> None:
    await host.install(version(1, more=PUBLISHES), grants="all")
    await host.upgrade(version(2))
    narrower = PUBLISHES.replace("orders.*", "orders.new")
    await host.upgrade(version(3, more=narrower), approve="all")
    assert "events:publish:orders.new" in (await host.plugin("lives")).granted
    await host.set_grants("lives", ["kv:read", "kv:write"])

    assert (await host.rollback("lives", to="1.0.0")).granted == ["kv:read", "kv:write"]


async def test_a_rollback_brings_nothing_back_that_is_revoked_in_its_middle(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.install(version(1, more=PUBLISHES), grants="all")
    narrower = PUBLISHES.replace("orders.*", "orders.new")
    await host.upgrade(version(2, more=narrower))
    probed = Transitions._probe

    async def revoking(transitions: Transitions, new: Installed) -> None:
        await host.set_grants("lives", ["kv:read", "kv:write"])
        await probed(transitions, new)

    monkeypatch.setattr(Transitions, "_probe", revoking)

    assert (await host.rollback("lives")).granted == ["kv:read", "kv:write"]


async def test_a_dry_run_tells_what_would_change_and_what_would_stop_it(host: PluginHost) -> None:
    await host.install(version(1, extra=EXTRA), grants="all")
    before = await host.plugin("lives")

    found = await host.upgrade_report(version(2, migrate="ok", more=PUBLISHES, to="1.1.0"))

    assert [(each.step, each.type) for each in found.obstacles] == [
        ("compare", "conflict"),
        ("approve", "conflict"),
    ]
    assert found.needs_approval == ("events:publish:orders.*",)
    assert [(step.from_version, step.to_version) for step in found.migrations] == [
        ("1.0.0", "1.1.0")
    ]
    assert (await host.plugin("lives"), await host.upgrades("lives")) == (before, [])
    assert len(await host.versions("lives")) == 1
    allowed = await host.upgrade_report(version(2), approve="all")
    assert allowed.obstacles == ()


async def test_a_manifest_says_which_migrations_its_data_takes(host: PluginHost) -> None:
    scripts = "".join(
        f'[[migration_scripts]]\nfrom_version = "{one}"\nto_version = "{two}"\n'
        for one, two in (("2.0.0", "3.0.0"), ("1.0.0", "2.0.0"), ("4.0.0", "9.0.0"))
    )
    await host.install(version(1, to="1.5.0"), grants="all")

    done = await host.upgrade(version(4, migrate="ok", more=scripts))

    assert [(step.from_version, step.to_version) for step in done.report.migrations] == [
        ("1.5.0", "2.0.0"),
        ("2.0.0", "3.0.0"),
    ]
    again = await host.upgrade(version(5, migrate="ok", more=scripts))
    assert again.report.migrations == ()


@pytest.mark.parametrize("state", ["disabled", "quarantined"])
async def test_a_plugin_that_takes_no_calls_can_be_upgraded_and_stays_as_it_is(
    host: PluginHost, state: str
) -> None:
    await host.install(version(1), grants="all")
    await host.disable("lives")
    if state == "quarantined":
        parts = host._parts
        async with parts.journal.change("default", "test") as change:
            plugin = await parts.registry.get("default", "lives")
            await change.plugins.set_state(plugin.id, state, "for a test")
        parts.registry.forget("default")

    done = await host.upgrade(version(2, migrate="ok"))

    assert (done.plugin.version, done.plugin.state) == ("2.0.0", state)


async def test_upgrades_are_events_and_audit_entries(host: PluginHost) -> None:
    await host.install(version(1), grants="all", actor="alice")
    await host.upgrade(version(2), actor="bob")
    with pytest.raises(Conflict):
        await host.upgrade(version(3, migrate="err"), actor="bob")
    await host.rollback("lives", actor="carol")

    events = await host.events.recent(50, "plugin.*", tenant="default")
    told = [
        (event.topic, event.value()["actor"])
        for event in reversed(events)
        if event.topic.startswith(("plugin.upgrade", "plugin.rolled"))
    ]
    assert told == [
        ("plugin.upgraded", "bob"),
        ("plugin.upgrade-failed", "bob"),
        ("plugin.rolled-back", "carol"),
    ]
    failed = next(event for event in events if event.topic == "plugin.upgrade-failed")
    check_fields(failed)
    assert failed.value()["step"] == "migrate"
    assert "no good" in failed.value()["reason"]


async def recorded(host: PluginHost, *functions: str) -> list[str]:
    """Call functions and have the calls kept; return their ids."""
    await host.recordings.set_calls("lives", 10)
    return [(await host.call("lives", function, {})).call_id for function in functions]


async def test_recorded_calls_are_tried_with_the_new_version_first(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    _, differing = await recorded(host, "count", "version")

    stopped = await refused(host, version(2), "replay", replay=5)
    assert "1 of 2 recorded calls do something else" in stopped.message
    assert differing in stopped.message
    found = await host.upgrade_report(version(2), replay=5)
    assert [each.step for each in found.obstacles] == ["replay"]
    assert found.replay is not None
    (outcome,) = (each for each in found.replay.outcomes if not each.same)
    assert [(each.place, each.before, each.after) for each in outcome.differences] == [
        ("result", 1, 2)
    ]

    done = await host.upgrade(version(2), replay=5, accept_differences=True)
    assert done.report.replay is not None
    assert (done.report.replay.replayed, done.report.replay.different) == (2, 1)
    assert (await host.call("lives", "count", {})).result == 2  # no replay has counted


async def test_a_version_that_does_the_same_passes_a_replay(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    await recorded(host, "count", "count")

    done = await host.upgrade(version(2, migrate="ok"), replay=1)

    assert done.report.replay is not None
    assert (done.report.replay.same, done.report.replay.replayed) == (True, 1)
