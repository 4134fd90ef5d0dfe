"""Configurations in layers: changed, judged, explained, taken back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from configurable import CANARY, FREE, MAPS, WEATHER, configurable, of, put
from hosts import FakeHost, configured_before, fake_host
from rows import everything
from wardian.config import MAX_CONFIG_BYTES, secrets
from wardian.config.schema import FAULTS_TOLD
from wardian.errors import Conflict, InvalidArguments, InvalidManifest, NotFound
from wardian.policy.layers import ConfigLayer, Environment, Origin
from wardian.policy.secret_schema import marks_secrets
from wardian.runtime.config_edits import Edit
from wardian.runtime.configuration import Configuration
from wardian.storage.tables import audit, events

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

DEFAULTS = {"units": "metric", "limits": {"daily": 10}}


@contextlib.asynccontextmanager
async def opened(folder: Path, *manifests: str, **settings: Any) -> AsyncIterator[FakeHost]:
    async with fake_host(folder, **settings) as made:
        for manifest in manifests or (WEATHER,):
            await made.host.install(configurable(manifest))
        yield made


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with opened(tmp_path, WEATHER, MAPS) as host:
        yield host


@pytest.fixture
async def configuration(made: FakeHost) -> Configuration:
    return made.host.configuration


async def changed_events(made: FakeHost) -> list[Any]:
    found = await made.host.events.recent(100, "config.*", tenant="default")
    return [event.value() for event in reversed(found)]


# -- layers --


async def test_layers_lie_over_one_another(configuration: Configuration) -> None:
    assert await configuration.get("weather") == DEFAULTS

    await configuration.change(of(layer=ConfigLayer.RUNTIME), put(units="imperial"))
    await configuration.change(of(), Edit(put={"limits.daily": 5, "units": "metric"}))
    await configuration.change(of(layer=ConfigLayer.ENVIRONMENT), put(region="eu"))

    assert await configuration.get("weather") == {
        "units": "imperial",
        "limits": {"daily": 5},
        "region": "eu",
    }
    assert await configuration.get("weather", "limits.daily") == 5
    with pytest.raises(NotFound):
        await configuration.get("weather", "names")
    shown = await configuration.show(of(), resolve=False)
    assert shown.configuration == {"limits": {"daily": 5}, "units": "metric"}
    await configuration.change(of(layer=ConfigLayer.RUNTIME), Edit(unset=["units"]))
    assert await configuration.get("weather", "units") == "metric"


async def test_a_host_sees_its_own_environment_and_others_can_be_prepared(tmp_path: Path) -> None:
    async with opened(tmp_path, environment=Environment.STAGING) as made:
        configuration = made.host.configuration
        for environment, region in zip(Environment, ("dv", "st", "pr"), strict=True):
            place = of(layer=ConfigLayer.ENVIRONMENT, environment=environment)
            await configuration.change(place, put(region=region))

        assert await configuration.get("weather", "region") == "st"
        place = of(layer=ConfigLayer.ENVIRONMENT, environment=Environment.PRODUCTION)
        assert (await configuration.show(place, resolve=False)).configuration == {"region": "pr"}
        with pytest.raises(InvalidArguments) as refused:
            await configuration.change(place, put(region="production"))
        assert refused.value.path == "region"
        told = await changed_events(made)
        assert [event["plugins"] for event in told] == [[], ["weather"], []]
        with pytest.raises(InvalidArguments, match="same in every environment"):
            await configuration.change(of(environment=Environment.STAGING), put(region="x"))
        with pytest.raises(InvalidArguments, match="manifest's"):
            await configuration.change(of(layer=ConfigLayer.DEFAULTS), put(region="x"))


async def test_tenant_wide_values_reach_the_plugins_that_declare_them(made: FakeHost) -> None:
    configuration = made.host.configuration
    await made.host.install(configurable(FREE))

    await configuration.change(of(None), put(region="eu", nobody="x"))

    assert await configuration.get(None) == {"region": "eu", "nobody": "x"}
    assert await configuration.get("weather") == {**DEFAULTS, "region": "eu"}
    assert await configuration.get("maps") == {"region": "eu"}
    assert await configuration.get("free") == {}
    await configuration.change(of(), put(region="us"))
    assert await configuration.get("weather", "region") == "us"
    await configuration.change(of(None, layer=ConfigLayer.RUNTIME), put(region="rt"))
    assert await configuration.get("weather", "region") == "rt"


# -- what is refused --


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (put(units="kelvin"), "units"),
        (Edit(put={"limits.daily": "many"}), "limits.daily"),
        (put(names=["a", 1]), "names[1]"),
        (Edit(values={"units": "metric", "limits": {"daily": 0.5}}), "limits.daily"),
        (put(token=CANARY), "token"),
        (Edit(put={"limits": {"daily": float("nan")}}), "limits.daily"),
        (put(names=["\ud800"]), "names[0]"),
        (put(limits={"daily": 2**64}), "limits.daily"),
        (Edit(put={"units.x": 1}), "units"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_path_and_changes_nothing(
    made: FakeHost, edit: Edit, path: str
) -> None:
    configuration = made.host.configuration
    await configuration.change(of(), put(region="eu"))
    before = await configuration.explain("weather")

    with pytest.raises(InvalidArguments) as refused:
        await configuration.change(of(), edit)

    assert refused.value.path == path
    assert CANARY not in refused.value.message
    assert await configuration.explain("weather") == before
    assert len((await configuration.history("weather")).entries) == 1
    assert len(await changed_events(made)) == 1


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b"])
async def test_a_key_with_an_empty_name_is_none(configuration: Configuration, key: str) -> None:
    with pytest.raises(InvalidArguments, match="no key"):
        await configuration.change(of(), Edit(put={key: 1}))


@pytest.mark.parametrize("edit", [Edit(), Edit(put={"units": "metric"}, values={})])
async def test_a_change_says_one_thing(configuration: Configuration, edit: Edit) -> None:
    with pytest.raises(InvalidArguments, match="one of the two"):
        await configuration.change(of(), edit)


async def test_a_tenant_wide_value_is_refused_by_the_plugin_that_does_not_take_it(
    made: FakeHost,
) -> None:
    configuration = made.host.configuration

    with pytest.raises(InvalidArguments, match="maps does not take that") as refused:
        await configuration.change(of(None), put(region="e"))
    with pytest.raises(InvalidArguments, match="weather does not take that") as secret:
        await configuration.change(of(None), put(token=CANARY))

    assert (refused.value.path, secret.value.path) == ("region", "token")
    assert CANARY not in secret.value.message
    assert await configuration.get(None) == {}


async def test_what_was_wrong_before_holds_no_tenant_wide_change_up(made: FakeHost) -> None:
    """`maps` still lacks its size; that is its operator's to say."""
    configuration = made.host.configuration

    await configuration.change(of(None), put(region="eu"))
    await configuration.change(of("maps"), put(size=1))
    with pytest.raises(InvalidArguments, match="size"):
        await configuration.change(of("maps"), Edit(unset=["size"]))


async def test_what_was_wrong_before_hides_no_fault_however_much_that_is(tmp_path: Path) -> None:
    """More was missing than is told of, and what came after that was not looked at."""
    missing = ", ".join(f"'k{number}'" for number in range(FAULTS_TOLD + 5))
    manifest = FREE + (
        f"[config_schema]\nrequired = [{missing}]\nproperties.region = {{ type = 'string' }}\n"
    )
    async with opened(tmp_path, manifest) as made:
        configuration = made.host.configuration

        with pytest.raises(InvalidArguments) as refused:
            await configuration.change(of(None), put(region=5))
        assert refused.value.path == "region"
        await configuration.change(of(None), put(region="eu"))


LARGE = (
    FREE
    + "[config_schema]\nrequired = ['key']\n[config_schema.properties]\n"
    + "big = {}\nregion = { type = 'string' }\n"
    + "".join(f"p{number} = {{ enum = [1, 2] }}\n" for number in range(30))
)
"""With so many values that a fault cannot be located."""


async def test_a_fault_that_nobody_can_locate_is_never_an_old_one(tmp_path: Path) -> None:
    async with opened(tmp_path, LARGE) as made:
        configuration = made.host.configuration
        await configured_before(made, "free", {"big": [1] * 10_000})  # without the key

        with pytest.raises(InvalidArguments, match="too large to say where"):
            await configuration.change(of(None), put(region=5))


async def test_a_fault_that_nobody_can_locate_is_found_under_others_too(tmp_path: Path) -> None:
    async with opened(tmp_path, LARGE) as made:
        configuration = made.host.configuration
        above = of("free", layer=ConfigLayer.RUNTIME)
        await configuration.change(above, put(key=1, big=[1] * 10_000, region="eu"))

        with pytest.raises(InvalidArguments, match="too large to say where"):
            await configuration.change(of("free"), put(region=5))
        await configuration.change(of("free"), put(region="us"))


async def test_a_tenant_wide_integer_is_not_taken_for_a_truth_value(tmp_path: Path) -> None:
    manifest = FREE + "[config_schema.properties.on]\ntype = 'boolean'\n"
    async with opened(tmp_path, manifest) as made:
        configuration = made.host.configuration
        await configuration.change(of(None), put(on=True))

        with pytest.raises(InvalidArguments) as refused:
            await configuration.change(of(None), put(on=1))
        assert refused.value.path == "on"


async def test_a_value_is_judged_under_others_too(made: FakeHost) -> None:
    """It would be in force once those are gone, and nobody would know why."""
    configuration = made.host.configuration
    await configuration.change(of(layer=ConfigLayer.RUNTIME), put(units="imperial", region="rt"))

    for place, edit, path in (
        (of(), put(units="kelvin"), "units"),
        (of(layer=ConfigLayer.ENVIRONMENT), Edit(put={"limits.daily": "many"}), "limits.daily"),
        (of(None), put(units="kelvin"), "units"),
    ):
        with pytest.raises(InvalidArguments) as refused:
            await configuration.change(place, edit)
        assert refused.value.path == path

    await configuration.change(of(), put(units="metric"))


async def test_all_layers_together_are_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path, FREE) as made:
        configuration = made.host.configuration
        half = "x" * (MAX_CONFIG_BYTES // 2)
        await configuration.change(of("free"), put(a=half))

        with pytest.raises(InvalidArguments, match="together"):
            await configuration.change(of("free", layer=ConfigLayer.RUNTIME), put(b=half))
        with pytest.raises(InvalidArguments, match="bytes"):
            await configuration.change(of("free", layer=ConfigLayer.RUNTIME), put(b=half * 2))
        nested: dict[str, Any] = {}
        for _ in range(70):
            nested = {"n": nested}
        with pytest.raises(InvalidArguments, match="deeper"):
            await configuration.change(of("free"), put(n=nested))


async def test_names_that_mean_something_elsewhere_are_names_here(tmp_path: Path) -> None:
    values = {"__proto__": {"x": 1}, "constructor": 1, "\0": "\0", "é.é": 2}
    async with opened(tmp_path, FREE) as made:
        await made.host.configuration.change(of("free"), Edit(values=values))

        assert await made.host.configuration.get("free") == values
        assert await made.host.configuration.get("free", "__proto__.x") == 1


async def test_a_name_with_a_dot_is_one_name_where_the_schema_or_the_values_have_it(
    configuration: Configuration,
) -> None:
    await configuration.change(of(), Edit(put={"a.b": 1}))
    await configuration.change(of(), Edit(values={"a": {"b": 2}, "a.b": 1}))

    assert await configuration.get("weather", "a.b") == 1
    await configuration.change(of(), Edit(unset=["a.b"]))
    shown = await configuration.show(of(), resolve=False)
    assert shown.configuration == {"a": {"b": 2}}


@pytest.mark.parametrize("plugin", ["free", None])
async def test_what_was_set_is_what_is_read_though_a_lower_layer_has_the_whole_key(
    tmp_path: Path, plugin: str | None
) -> None:
    async with opened(tmp_path, FREE) as made:
        configuration = made.host.configuration
        lower = of(plugin, layer=ConfigLayer.ENVIRONMENT)
        await configuration.change(lower, Edit(values={"x.y": 1}))

        await configuration.change(of(plugin), Edit(put={"x.y": 2}))

        assert await configuration.get(plugin, "x.y") == 2
        assert await configuration.get(plugin) == {"x.y": 2}


async def test_what_a_layer_does_not_have_cannot_be_taken_out_of_it(
    configuration: Configuration,
) -> None:
    with pytest.raises(NotFound, match="explain"):
        await configuration.change(of(), Edit(unset=["units"]))


@pytest.mark.parametrize("name", ["nothing", "Weather"])
async def test_of_a_plugin_that_is_not_there_there_is_no_configuration(
    configuration: Configuration, name: str
) -> None:
    for asking in (
        configuration.get(name),
        configuration.change(of(name), put(a=1)),
        configuration.judge(of(name), put(a=1)),
        configuration.explain(name),
        configuration.history(name),
        configuration.revert(name, 1),
    ):
        with pytest.raises(NotFound):
            await asking


async def test_defaults_with_a_secret_are_no_manifest_s(tmp_path: Path) -> None:
    manifest = WEATHER.replace('units = "metric"\n', f'units = "metric"\ntoken = "{CANARY}"\n')
    async with fake_host(tmp_path) as made:
        with pytest.raises(InvalidManifest) as refused:
            await made.host.install(configurable(manifest))

        assert refused.value.path == "default_config.token"
        assert CANARY not in refused.value.message


# -- what is told --


async def test_a_change_is_told_by_names_and_never_by_values(made: FakeHost) -> None:
    configuration = made.host.configuration
    edit = Edit(put={"limits.daily": 987654, "region": "zz"}, note="because")
    await configuration.change(of(), edit, actor="alice")
    await configuration.change(of(None), put(region="qq"), actor="bob")

    assert await changed_events(made) == [
        {
            "plugin": "weather",
            "plugins": ["weather"],
            "actor": "alice",
            "layer": "user",
            "environment": None,
            "origin": "api",
            "paths": ["limits.daily", "region"],
            "further_paths": 0,
            "version": 1,
        },
        {
            "plugin": None,
            "plugins": ["maps"],
            "actor": "bob",
            "layer": "user",
            "environment": None,
            "origin": "api",
            "paths": ["region"],
            "further_paths": 0,
            "version": 1,
        },
    ]
    told = await everything(made.parts.database, events, audit)
    assert b"limits.daily" in told
    assert b"987654" not in told
    assert b"zz" not in told


async def test_a_change_that_changes_nothing_leaves_no_trace(made: FakeHost) -> None:
    configuration = made.host.configuration
    first = await configuration.change(of(), put(region="eu"))

    again = await configuration.change(of(), put(region="eu"))

    assert again == first
    assert len(await changed_events(made)) == 1


async def test_a_change_is_judged_without_being_made(made: FakeHost) -> None:
    configuration = made.host.configuration

    good = await configuration.judge(of(), Edit(put={"region": "eu", "api_key": CANARY}))
    bad = await configuration.judge(of(None), put(region="e", token=CANARY, other=1))

    assert (good.valid, good.changed, good.plugins) == (True, ["api_key", "region"], ["weather"])
    assert good.configuration == {**DEFAULTS, "region": "eu", "api_key": CANARY}
    assert [warning.partition(" ")[0] for warning in good.warnings] == ["api_key"]
    assert not bad.valid
    assert [(fault.plugin, fault.path) for fault in bad.faults] == [
        ("maps", "region"),
        ("weather", "token"),
    ]
    (unknown,) = (warning for warning in bad.warnings if "No installed plugin" in warning)
    assert "'other'" in unknown
    assert CANARY not in repr(bad.faults) + repr(bad.warnings) + repr(good.warnings)
    assert await configuration.get("weather") == DEFAULTS
    assert await changed_events(made) == []


async def test_each_value_is_explained(configuration: Configuration) -> None:
    await configuration.change(of(None), put(region="eu", units="imperial"), actor="alice")
    await configuration.change(of(), Edit(put={"limits.daily": 5, "region": "us"}), actor="bob")
    await configuration.change(of(), Edit(put={"names": ["a"]}), actor="carol")
    await configuration.change(of(layer=ConfigLayer.RUNTIME), put(region="rt"), actor="dave")

    found = await configuration.explain("weather")

    told = {
        each.key: (each.value, each.layer, each.scope, each.origin, each.set_by)
        for each in found.values
    }
    assert told == {
        "limits.daily": (5, "user", "plugin", Origin.API, "bob"),
        "names": (["a"], "user", "plugin", Origin.API, "carol"),
        "region": ("rt", "runtime", "plugin", Origin.API, "dave"),
        "units": ("imperial", "user", "tenant", Origin.API, "alice"),
    }
    (region,) = (each for each in found.values if each.key == "region")
    assert [(each.value, each.scope, each.set_by) for each in region.overrides] == [
        ("us", "plugin", "bob"),
        ("eu", "tenant", "alice"),
    ]
    (daily,) = (each for each in found.values if each.key == "limits.daily")
    (default,) = daily.overrides
    assert (default.value, default.layer, default.set_by, default.set_at) == (
        10,
        "defaults",
        None,
        None,
    )
    assert all(each.set_at for each in found.values)
    assert (found.version, found.environment) == (3, "production")
    tenant_wide = await configuration.explain(None)
    assert [(each.key, each.set_by) for each in tenant_wide.values] == [
        ("region", "alice"),
        ("units", "alice"),
    ]


async def test_what_is_explained_is_what_calls_get_and_what_is_shown(tmp_path: Path) -> None:
    """An object over a value that is none has nothing of what lies below that."""
    manifest = FREE + "[default_config.a]\nx = 1\n"
    seen: list[Any] = []

    async def look(arguments: Mapping[str, Any], answer: Any) -> None:
        seen.append(await answer("config", "get-all", []))

    async with opened(tmp_path, manifest, functions={"run": look}) as made:
        configuration = made.host.configuration
        await configuration.change(of("free"), put(a=5))
        await configuration.change(of("free", layer=ConfigLayer.RUNTIME), put(a={"y": 2}))
        explained = (await configuration.explain("free")).values

        assert [(value.key, value.value) for value in explained] == [("a.y", 2)]
        assert await configuration.get("free") == {"a": {"y": 2}}
        await made.host.call("free", "run", {})
        assert seen == [{"tag": "ok", "val": '{"a":{"y":2}}'}]


async def test_the_history_has_who_when_and_what(configuration: Configuration) -> None:
    await configuration.change(of(), Edit(put={"limits.daily": 5}, note="fewer"), actor="alice")
    await configuration.change(of(), Edit(values={"region": "eu"}), actor="bob")

    page = await configuration.history("weather")

    newest, oldest = page.entries
    assert (newest.changed_by, oldest.changed_by, oldest.note) == ("bob", "alice", "fewer")
    assert [(each.key, each.before, each.after) for each in oldest.changes] == [
        ("limits.daily", UNSET, 5)
    ]
    assert {each.key for each in newest.changes} == {"limits.daily", "region"}
    assert page.next is None
    first = await configuration.history("weather", limit=1)
    rest = await configuration.history("weather", limit=1, before=first.next)
    assert [*first.entries, *rest.entries] == page.entries


async def test_a_layer_goes_back_to_what_it_was(configuration: Configuration) -> None:
    await configuration.change(of(), put(region="eu"))
    await configuration.change(of(), Edit(values={"units": "imperial"}))
    (_, oldest) = (await configuration.history("weather")).entries

    view = await configuration.revert("weather", oldest.id, actor="bob")

    assert view.configuration == {**DEFAULTS, "region": "eu"}
    newest = (await configuration.history("weather")).entries[0]
    assert (newest.changed_by, newest.note) == ("bob", f"back to change {oldest.id}")
    with pytest.raises(NotFound, match="no change"):
        await configuration.revert("weather", 10_000)
    with pytest.raises(NotFound, match="no change"):
        await configuration.revert("maps", oldest.id)


async def test_what_does_not_fit_any_more_does_not_come_back(made: FakeHost) -> None:
    configuration = made.host.configuration
    await configuration.change(of(), put(region="eu"))
    await configuration.change(of(), Edit(values={}))
    stricter = WEATHER.replace('"1.0.0"', '"1.1.0"').replace("maxLength = 2", "maxLength = 1")
    await made.host.upgrade(configurable(stricter))
    oldest = (await configuration.history("weather")).entries[-1]

    with pytest.raises(InvalidArguments) as refused:
        await configuration.revert("weather", oldest.id)

    assert refused.value.path == "region"


async def test_a_secret_of_before_is_shown_nowhere_and_can_be_taken_out(made: FakeHost) -> None:
    configuration = made.host.configuration
    await configured_before(made, "weather", {"token": CANARY, "region": "eu"})

    with pytest.raises(InvalidArguments, match="secret"):
        await configuration.change(of(), put(region="us"))
    explained = await configuration.explain("weather")
    await configuration.change(of(), Edit(unset=["token"], put={"region": "us"}))
    history = await configuration.history("weather")

    assert CANARY not in repr(explained) + repr(history)
    assert {each.key for each in history.entries[0].changes} == {"token", "region"}
    with pytest.raises(NotFound):
        await configuration.get("weather", "token")


async def test_the_history_is_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path, config_history_max=5) as made:
        configuration = made.host.configuration
        for number in range(12):
            await configuration.change(of(), Edit(put={"limits.daily": number}))
            await configuration.change(of(None), put(region=f"{number:02}"))

        for name, newest in (("weather", 11), (None, "11")):
            entries = (await configuration.history(name, limit=100)).entries
            assert len(entries) == 5
            assert [change.after for change in entries[0].changes] == [newest]


# -- at the same time --


@pytest.mark.parametrize("what", ["change", "judge", "explain", "history"])
async def test_what_takes_long_holds_nobody_else_up(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Strangers' schemas and many values take seconds, if they like."""
    configuration = made.host.configuration
    await configuration.change(of(), put(region="eu"))
    threads: set[int] = set()

    def noted(schema: Any) -> bool:
        threads.add(threading.get_ident())
        return marks_secrets(schema)

    monkeypatch.setattr(secrets, "marks_secrets", noted)
    asked: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "change": lambda: configuration.change(of(), put(region="us")),
        "judge": lambda: configuration.judge(of(), put(region="us")),
        "explain": lambda: configuration.explain("weather"),
        "history": lambda: configuration.history("weather"),
    }
    await asked[what]()

    assert threads
    assert threading.get_ident() not in threads


async def test_of_two_operators_who_looked_at_the_same_version_one_is_told(
    configuration: Configuration,
) -> None:
    version = (await configuration.show(of(), resolve=True)).version
    attempts = [
        configuration.change(of(), put(region=region), expected=version) for region in ("eu", "us")
    ]

    results = await asyncio.gather(*attempts, return_exceptions=True)

    (refused,) = (each for each in results if isinstance(each, Exception))
    assert isinstance(refused, Conflict)
    assert "Look at it again" in refused.message
    (entry,) = (await configuration.history("weather")).entries
    with pytest.raises(Conflict):
        await configuration.revert("weather", entry.id, expected=version)


async def test_changes_of_several_values_at_once_are_all_there(
    configuration: Configuration,
) -> None:
    edits = [put(region="eu"), put(units="imperial"), put(names=["a"]), Edit(put={"a.x": 1})]

    await asyncio.gather(*(configuration.change(of(), edit) for edit in edits))

    shown = await configuration.show(of(), resolve=False)
    assert shown.configuration == {
        "region": "eu",
        "units": "imperial",
        "names": ["a"],
        "a": {"x": 1},
    }
    assert shown.version == 4


async def test_a_call_sees_one_configuration_throughout_and_the_next_one_the_new(
    tmp_path: Path,
) -> None:
    begun, changed = asyncio.Event(), asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> list[Any]:
        found = [await answer("config", "get", ["limits.daily"])]
        begun.set()
        await changed.wait()
        return [*found, await answer("config", "get", ["limits.daily"])]

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(configurable())
        running = asyncio.create_task(made.host.call("weather", "run", {}))
        await begun.wait()
        await made.host.configuration.change(of(), Edit(put={"limits.daily": 5}))
        changed.set()

        assert [each["val"] for each in (await running).result] == ["10", "10"]
        later = (await made.host.call("weather", "run", {})).result
        assert [each["val"] for each in later] == ["5", "5"]


async def test_an_upgrade_and_a_change_do_not_pass_each_other_by(made: FakeHost) -> None:
    """Whichever comes first, what is in force fits the version that is in force."""
    newer = WEATHER.replace('"1.0.0"', '"1.1.0"').replace("maxLength = 2", "maxLength = 1")
    results = await asyncio.gather(
        made.host.upgrade(configurable(newer)),
        made.host.configuration.change(of(), put(region="eu")),
        return_exceptions=True,
    )

    assert sum(isinstance(each, InvalidArguments) for each in results) == 1
    view = await made.host.plugin("weather")
    values = await made.host.configuration.get("weather")
    assert ("region" in values) == (view.version == "1.0.0")


# -- other plugins, versions, tenants --


async def test_an_upgrade_takes_every_layer_into_account(made: FakeHost) -> None:
    configuration = made.host.configuration
    await configuration.change(of(None), put(region="eu", extra="text"))
    newer = WEATHER.replace('"1.0.0"', '"1.1.0"')

    with pytest.raises(InvalidArguments) as refused:
        await made.host.upgrade(
            configurable(newer + "extra = { type = 'integer' }\n"), allow_breaking=True
        )
    assert (refused.value.path, refused.value.step) == ("extra", "compare")
    with pytest.raises(InvalidArguments, match="secret") as secret:
        await made.host.upgrade(
            configurable(newer.replace('region = { type = "string", maxLength = 2 }',
                                       'region = { type = "string", writeOnly = true }'))
        )  # fmt: skip
    assert secret.value.path == "region"
    assert (await made.host.plugin("weather")).version == "1.0.0"


async def test_a_plugin_that_does_not_take_what_waits_for_it_is_not_installed(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, WEATHER) as made:
        await made.host.configuration.change(of(None), put(region="e"))

        with pytest.raises(InvalidArguments, match="tenant-wide") as refused:
            await made.host.install(configurable(MAPS))

        assert refused.value.path == "region"
        assert [view.name for view in await made.host.plugins()] == ["weather"]
        await made.host.configuration.change(of(None), put(region="eu"))
        await made.host.install(configurable(MAPS))
        assert await made.host.config("maps") == {"region": "eu"}


async def test_a_plugin_takes_its_configuration_and_its_history_with_it(made: FakeHost) -> None:
    configuration = made.host.configuration
    await configuration.change(of(), put(region="us"))
    await configuration.change(of(None), put(region="eu"))
    await made.host.uninstall("weather")

    await made.host.install(configurable())

    assert await configuration.get("weather") == {**DEFAULTS, "region": "eu"}
    assert (await configuration.history("weather")).entries == []
    assert len((await configuration.history(None)).entries) == 1


async def test_tenants_know_nothing_of_each_other(made: FakeHost) -> None:
    configuration = made.host.configuration
    await made.host.tenants.create("acme")
    await made.host.install(configurable(), tenant="acme")
    await configuration.change(of(), put(region="us"))
    await configuration.change(of(None), put(units="imperial"))
    (entry,) = (await configuration.history("weather")).entries

    assert await configuration.get("weather", tenant="acme") == DEFAULTS
    assert await configuration.get(None, tenant="acme") == {}
    assert (await configuration.history(None, tenant="acme")).entries == []
    with pytest.raises(NotFound):
        await configuration.revert("weather", entry.id, tenant="acme")
    with pytest.raises(NotFound):
        await configuration.change(of("maps"), put(size=1), tenant="acme")
    with pytest.raises(NotFound):
        await configuration.change(of(None), put(size=1), tenant="nobody")
