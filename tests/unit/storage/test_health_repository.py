"""What checks write on a plugin's row, and when they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rows import add_plugin, plugin_row
from wardian.plugins.states import CALLABLE
from wardian.storage import Database
from wardian.storage.health import HealthRepository, survey
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import HealthRow, PluginRow, SurveyRow

pytestmark = pytest.mark.anyio

AT = datetime(2030, 1, 1, tzinfo=UTC)
ILL = HealthRow(
    health_status="unhealthy", health_detail="tired", health_failures=1, last_health_check=AT
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "wardian.db") as opened:
        yield opened


@pytest.fixture
async def plugin(database: Database) -> PluginRow:
    return await add_plugin(database)


async def test_a_check_begins_once(database: Database, plugin: PluginRow) -> None:
    later = AT + timedelta(seconds=60)
    async with database.transaction() as connection:
        repository = HealthRepository(connection, "default")
        assert await repository.claim(plugin.id, None, AT)
        assert not await repository.claim(plugin.id, None, later)
        assert await repository.claim(plugin.id, AT, later)
        assert not await repository.claim(plugin.id, AT, later + timedelta(seconds=60))
        assert not await HealthRepository(connection, "other").claim(plugin.id, later, AT)

        found = await repository.health(plugin.id)

    assert found == HealthRow(last_health_check=later)


async def test_a_result_is_written_and_is_no_change_of_the_plugin(
    database: Database, plugin: PluginRow
) -> None:
    async with database.transaction() as connection:
        repository = HealthRepository(connection, "default")
        await repository.claim(plugin.id, None, AT)

        assert await repository.record(plugin.id, plugin.package_digest, CALLABLE, ILL)

        assert await repository.health(plugin.id) == ILL
        assert await PluginRepository(connection, "default").find(plugin.name) == plugin
        await repository.reset(plugin.id)
        assert await repository.health(plugin.id) == HealthRow()


@pytest.mark.parametrize("reason", ["newer check", "other version", "takes no calls", "gone"])
async def test_a_result_that_is_outdated_is_not_written(
    database: Database, plugin: PluginRow, reason: str
) -> None:
    async with database.transaction() as connection:
        repository = HealthRepository(connection, "default")
        await repository.claim(plugin.id, None, AT)
        digest, row = plugin.package_digest, ILL
        match reason:
            case "newer check":
                row = replace(ILL, last_health_check=AT - timedelta(seconds=1))
            case "other version":
                digest = "0" * 64
            case "takes no calls":
                await PluginRepository(connection, "default").set_state(plugin.id, "disabled", "")
            case "gone":
                await PluginRepository(connection, "default").remove(plugin.id)

        assert not await repository.record(plugin.id, digest, CALLABLE, row)

        expected = None if reason == "gone" else HealthRow(last_health_check=AT)
        assert await repository.health(plugin.id) == expected


async def test_a_survey_shows_every_tenant_s_plugins(database: Database, plugin: PluginRow) -> None:
    await add_plugin(database, plugin_row("another", tenant="other", state="disabled"))
    async with database.reading() as connection:
        found = await survey(connection)

    assert found == [
        SurveyRow(tenant="default", name="counter", state="active", health_status="unknown"),
        SurveyRow(tenant="other", name="another", state="disabled", health_status="unknown"),
    ]
