"""The layer that files give: taken whole, watched, or left at its last good state."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from configurable import CANARY, MAPS, WEATHER, configurable, of, put
from hosts import FakeHost, fake_host
from wardian.errors import Conflict, InvalidArguments
from wardian.events import Event
from wardian.policy.layers import ConfigLayer, Environment, Origin
from wardian.runtime.config_reading import FILE_BYTES_MAX
from wardian.runtime.config_views import FileFault

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

GOOD = """
[tenant]
region = "eu"

[plugins.weather]
units = "imperial"
limits.daily = 5
"""

RESOLVED = {"region": "eu", "units": "imperial", "limits": {"daily": 5}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "config"
    found.mkdir()
    return found


@contextlib.asynccontextmanager
async def opened(
    data: Path, folder: Path | None, *manifests: str, **settings: Any
) -> AsyncIterator[FakeHost]:
    async with fake_host(data / "data", config_dir=folder, **settings) as made:
        for manifest in manifests:
            await made.host.install(configurable(manifest))
        yield made


def write(folder: Path, text: str | bytes, name: str = "production.toml") -> None:
    """Replace a file as careful programs do."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(text.encode() if isinstance(text, str) else text)
    draft.replace(path)


async def fault_of(made: FakeHost, tenant: str = "default") -> FileFault:
    """What is wrong with a tenant's file, as those see it who ask."""
    (fault, *_) = (await made.host.configuration.explain(None, tenant=tenant)).faults
    return fault


async def topics(made: FakeHost) -> list[str]:
    found = await made.host.events.recent(100, "config.*", tenant="default")
    return [event.topic for event in reversed(found)]


# -- taken --


async def test_a_file_gives_values_tenant_wide_and_by_plugin(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER, MAPS) as made:
        configuration = made.host.configuration

        assert await configuration.get("weather") == RESOLVED
        assert await configuration.get("maps") == {"region": "eu"}
        found = {each.key: each for each in (await configuration.explain("weather")).values}
        daily = found["limits.daily"]
        assert (daily.layer, daily.origin, daily.scope) == ("environment", Origin.FILE, "plugin")
        assert (daily.file, daily.line, daily.set_by) == ("production.toml", 7, "production.toml")
        assert daily.environment == "production"
        assert (found["region"].scope, found["region"].line) == ("tenant", 3)
        await configuration.change(of(layer=ConfigLayer.ENVIRONMENT), put(units="metric"))
        assert await configuration.get("weather", "units") == "metric"


async def test_only_the_environment_of_the_host_is_read(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    write(folder, "this is no TOML", "development.toml")
    write(folder, '[plugins.weather]\nregion = "st"\n', "staging.toml")

    async with opened(tmp_path, folder, WEATHER, environment=Environment.STAGING) as made:
        assert await made.host.configuration.get("weather", "region") == "st"
        assert (await made.host.configuration.explain("weather")).faults == []
    async with opened(tmp_path, folder) as made:
        assert await made.host.configuration.get("weather") == RESOLVED


async def test_each_tenant_has_a_file_of_its_own(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    write(folder, '[plugins.weather]\nregion = "ac"\n', "tenants/acme/production.toml")
    async with opened(tmp_path, folder, WEATHER) as made:
        configuration = made.host.configuration
        await made.host.tenants.create("acme")
        await made.host.install(configurable(), tenant="acme")
        report = await configuration.reload(tenant="acme")

        assert report.file == "tenants/acme/production.toml"
        assert report.changed == ["weather: region"]
        assert await configuration.get("weather", "region", tenant="acme") == "ac"
        assert await configuration.get("weather") == RESOLVED
        write(folder, "nonsense", "tenants/acme/production.toml")
        await configuration.reload(tenant="acme")
        assert (await fault_of(made, "acme")).file == "tenants/acme/production.toml"
        assert (await configuration.explain(None)).faults == []


async def test_values_wait_for_a_plugin_and_stay_when_it_goes(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder) as made:
        configuration = made.host.configuration
        assert (await configuration.reload()).waiting == ["weather"]

        for _ in range(2):
            await made.host.install(configurable())
            assert await configuration.get("weather") == RESOLVED
            await made.host.uninstall("weather")
        refusing = WEATHER.replace('"imperial"', '"other"')
        with pytest.raises(InvalidArguments, match="in a file") as refused:
            await made.host.install(configurable(refusing))
        assert refused.value.path == "units"


async def test_a_file_s_changes_are_in_the_history_and_are_not_taken_back_there(
    tmp_path: Path, folder: Path
) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER) as made:
        configuration = made.host.configuration
        write(folder, GOOD.replace("= 5", "= 6"))
        report = await configuration.reload()

        assert report.changed == ["weather: limits.daily"]
        (entry,) = (await configuration.history("weather")).entries
        assert (entry.origin, entry.changed_by) == (Origin.FILE, "production.toml")
        assert [(each.before, each.after) for each in entry.changes] == [(5, 6)]
        with pytest.raises(Conflict, match="Change the file"):
            await configuration.revert("weather", entry.id)


# -- refused --


BAD: list[tuple[str | bytes, str, str | None, int | None]] = [
    ("[plugins.weather", "", None, 1),
    (b"[tenant]\na = '\xff'\n", "UTF-8", None, 2),
    ("[tenant]\nregion = 'eu'\nregion = 'us'\n", "", None, 3),
    ("[[tenant]]\n", "table", "tenant", 1),
    ("plugins = 1\n", "table", "plugins", 1),
    ("\n[plugin.weather]\nunits = 'metric'\n", "'plugin' is no table", "plugin", 2),
    ("[plugins.Weather]\nunits = 'metric'\n", "name", "plugins.Weather", 1),
    ("[plugins.weather]\nregion = 2020-01-01\n", "JSON", "plugins.weather.region", 2),
    ("[plugins.weather]\nlimits.daily = nan\n", "finite", "plugins.weather.limits.daily", 2),
    ("[plugins.weather]\n\nunits = 'kelvin'\n", "units", "units", 3),
    ("[tenant]\nregion = 'e'\n", "region", "region", 2),
    (f"[plugins.weather]\ntoken = '{CANARY}'\n", "vault", "token", 2),
    ("x = '" + "y" * FILE_BYTES_MAX + "'\n", "larger", None, None),
    ("[tenant]\nx = '" + "y" * 70_000 + "'\n", "bytes", "tenant", 1),
    ("[tenant]\nx = " + "[" * 5_000 + "]" * 5_000 + "\n", "This is nested", None, None),
    ("[tenant]\n" + "a." * 2_000 + "b = 1\n", "", None, 2),
]


@pytest.mark.parametrize(("text", "says", "path", "line"), BAD)
async def test_a_bad_file_leaves_the_last_good_state_and_says_why(
    tmp_path: Path,
    folder: Path,
    text: str | bytes,
    says: str,
    path: str | None,
    line: int | None,
) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER, MAPS) as made:
        configuration = made.host.configuration
        write(folder, text)

        first = await configuration.reload()
        again = await configuration.reload()

        fault = await fault_of(made)
        assert says in fault.message
        assert CANARY not in fault.message
        assert (fault.file, fault.path) == ("production.toml", path)
        assert line is None or fault.line == line
        assert first.faults == again.faults
        assert await configuration.get("weather") == RESOLVED
        assert (await topics(made)).count("config.file-refused") == 1
        write(folder, GOOD)
        assert (await configuration.reload()).faults == []


async def test_a_bad_value_is_refused_though_another_lies_over_it(
    tmp_path: Path, folder: Path
) -> None:
    async with opened(tmp_path, folder, WEATHER) as made:
        await made.host.configuration.change(of(), put(units="metric"))
        write(folder, "[plugins.weather]\nunits = 'kelvin'\n")

        (fault,) = (await made.host.configuration.reload()).faults

        assert (fault.plugin, fault.path, fault.line) == ("weather", "units", 2)


async def test_a_file_is_in_force_whole_or_not_at_all(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER, MAPS) as made:
        bad = GOOD.replace("= 5", "= 6") + "\n[plugins.maps]\nsize = 'large'\n"
        write(folder, bad)

        report = await made.host.configuration.reload()

        assert [(each.plugin, each.path) for each in report.faults] == [("maps", "size")]
        assert await made.host.configuration.get("weather") == RESOLVED


async def test_two_tables_that_fit_together_only_are_taken_together(
    tmp_path: Path, folder: Path
) -> None:
    """What comes does not fit beside what goes."""
    single = (
        "name = 'free'\nversion = '1.0.0'\n[config_schema]\nproperties = { a = {}, b = {} }\n"
        "maxProperties = 1\n"
    )
    write(folder, "[plugins.free]\nb = 1\n")
    async with opened(tmp_path, folder, single) as made:
        write(folder, "[tenant]\na = 1\n")

        assert (await made.host.configuration.reload()).faults == []

        assert await made.host.configuration.get("free") == {"a": 1}


async def test_what_cannot_be_read_leaves_the_last_good_state(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    path = folder / "production.toml"
    outside = tmp_path / "outside.toml"
    outside.write_text("[tenant]\nregion = 'xx'\n")
    async with opened(tmp_path, folder, WEATHER) as made:
        configuration = made.host.configuration

        async def refused(says: str) -> None:
            (fault,) = (await configuration.reload()).faults
            assert says in fault.message
            assert str(tmp_path) not in fault.message
            assert await configuration.get("weather") == RESOLVED

        path.unlink()
        await refused("gone")
        path.symlink_to(outside)
        await refused("out of the folder")
        path.unlink()
        path.symlink_to("nothing.toml")
        await refused("nowhere")
        path.unlink()
        path.symlink_to("production.toml")
        await refused("circle")
        path.unlink()
        path.mkdir()
        await refused("directory")
        path.rmdir()
        os.mkfifo(path)
        await refused("regular")
        path.unlink()
        folder.rename(tmp_path / "away")
        await refused("not there")
        (tmp_path / "away").rename(folder)
        write(folder, "")
        assert (await configuration.reload()).faults == []
        assert await configuration.get("weather") == {"units": "metric", "limits": {"daily": 10}}


async def test_a_folder_may_be_switched_by_a_link_within_it(tmp_path: Path, folder: Path) -> None:
    """As orchestrators do it, whose folders are links to one of several states."""
    for number, region in enumerate(("eu", "us")):
        write(folder, f"[plugins.weather]\nregion = '{region}'\n", f"..{number}/production.toml")
    (folder / "..data").symlink_to("..0")
    (folder / "production.toml").symlink_to("..data/production.toml")
    async with opened(tmp_path, folder, WEATHER) as made:
        assert await made.host.configuration.get("weather", "region") == "eu"

        (folder / "..next").symlink_to("..1")
        (folder / "..next").replace(folder / "..data")
        assert (await made.host.configuration.reload()).faults == []

        assert await made.host.configuration.get("weather", "region") == "us"


async def test_the_last_good_state_outlives_a_restart(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER):
        pass
    write(folder, "half writ")

    async with opened(tmp_path, folder) as made:
        assert await made.host.configuration.get("weather") == RESOLVED
        assert (await fault_of(made)).file == "production.toml"


async def test_without_a_folder_nothing_of_files_is_in_force(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER):
        pass

    async with opened(tmp_path, None) as made:
        assert await made.host.configuration.get("weather", "units") == "metric"
        report = await made.host.configuration.reload()
        assert (report.file, report.faults, report.changed) == (None, [], [])


async def test_what_a_plugin_needs_of_a_file_is_not_taken_from_it(
    tmp_path: Path, folder: Path
) -> None:
    write(folder, "[plugins.maps]\nsize = 1\n")
    async with opened(tmp_path, folder, MAPS) as made:
        write(folder, "")
        (fault,) = (await made.host.configuration.reload()).faults
        assert fault.plugin == "maps"
        assert await made.host.configuration.get("maps") == {"size": 1}

    async with opened(tmp_path, None) as made:
        assert await made.host.configuration.get("maps") == {"size": 1}
        assert (await fault_of(made)).plugin == "maps"
        await made.host.configuration.change(of("maps"), put(size=2))
        assert (await made.host.configuration.reload()).faults == []
        assert await made.host.configuration.get("maps") == {"size": 2}


async def test_no_file_at_all_is_fine(tmp_path: Path, folder: Path) -> None:
    async with opened(tmp_path, folder, WEATHER) as made:
        report = await made.host.configuration.reload()

        assert (report.file, report.faults, report.changed) == ("production.toml", [], [])
        assert await topics(made) == []


# -- watched --


class Heard:
    """Waits for events of this process."""

    def __init__(self, made: FakeHost, topic: str) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        made.parts.events.subscribe(topic, self._queue.put_nowait)

    async def next(self) -> Any:
        async with asyncio.timeout(30):
            return (await self._queue.get()).value()


async def test_a_file_that_changes_is_in_force_with_the_next_call(
    tmp_path: Path, folder: Path
) -> None:
    async def run(arguments: Any, answer: Any) -> Any:
        return (await answer("config", "get", ["limits.daily"]))["val"]

    write(folder, GOOD)
    async with fake_host(tmp_path / "data", {"run": run}, config_dir=folder) as made:
        await made.host.install(configurable())
        heard = Heard(made, "config.changed")
        assert (await made.host.call("weather", "run", {})).result == "5"

        write(folder, GOOD.replace("= 5", "= 6"))
        told = await heard.next()

        assert (told["plugin"], told["paths"], told["origin"]) == (
            "weather",
            ["limits.daily"],
            "file",
        )
        assert (await made.host.call("weather", "run", {})).result == "6"


async def test_a_file_written_in_steps_is_taken_once_it_is_whole(
    tmp_path: Path, folder: Path
) -> None:
    async with opened(tmp_path, folder, WEATHER) as made:
        heard = Heard(made, "config.changed")
        with (folder / "production.toml").open("w", buffering=1) as file:
            for line in GOOD.splitlines(keepends=True):
                file.write(line)
                await asyncio.sleep(0)

        while await made.host.configuration.get("weather") != RESOLVED:
            await heard.next()

        assert (await made.host.configuration.explain("weather")).faults == []


async def test_a_bad_file_is_heard_of_and_its_repair_too(tmp_path: Path, folder: Path) -> None:
    write(folder, GOOD)
    async with opened(tmp_path, folder, WEATHER) as made:
        refused, changed = Heard(made, "config.file-refused"), Heard(made, "config.changed")

        write(folder, "[plugins.weather]\nunits = 'kelvin'\n")
        assert await refused.next() == {
            "file": "production.toml",
            "plugin": "weather",
            "path": "units",
            "line": 2,
        }
        write(folder, "[plugins.weather]\nunits = 'metric'\n")
        await changed.next()

        assert (await made.host.configuration.explain("weather")).faults == []


async def test_a_folder_that_comes_later_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with opened(tmp_path, folder, WEATHER) as made:
        assert "not there" in (await fault_of(made)).message
        heard = Heard(made, "config.changed")

        folder.mkdir()
        write(folder, GOOD)
        await heard.next()

        while await made.host.configuration.get("weather") != RESOLVED:
            await heard.next()


async def test_a_refused_file_is_tried_again_when_the_plugin_that_refused_it_has_changed(
    tmp_path: Path, folder: Path
) -> None:
    write(folder, "[plugins.weather]\nextra = 1\n")
    async with opened(tmp_path, folder) as made:
        write(folder, "")
        await made.host.configuration.reload()
        await made.host.install(configurable())
        write(folder, "[plugins.weather]\nextra = 1\n")
        (fault,) = (await made.host.configuration.reload()).faults
        assert fault.plugin == "weather"
        heard = Heard(made, "config.changed")

        newer = WEATHER.replace('"1.0.0"', '"1.1.0"') + 'extra = { type = "integer" }\n'
        await made.host.upgrade(configurable(newer))
        await heard.next()

        assert await made.host.configuration.get("weather", "extra") == 1
