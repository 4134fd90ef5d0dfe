"""Tenants, and the first of everything."""

from __future__ import annotations

import asyncio

import pytest

from rows import add_tenant, journal_of
from wardian.errors import Conflict, HostUnusable, InvalidArguments, Unauthenticated
from wardian.storage import Database
from wardian.tenants import KeyRing, Scope, Tenants, bootstrap

pytestmark = pytest.mark.anyio


async def test_a_first_start_makes_one_admin_key(database: Database) -> None:
    token = await bootstrap(journal_of(database), tenant="default")

    assert token is not None
    caller = await KeyRing(database, journal_of(database)).authenticate(token)
    assert caller.tenant == "default"
    assert caller.scopes == {Scope.ADMIN}
    assert await bootstrap(journal_of(database), tenant="default") is None


async def test_two_first_starts_at_once_make_one_key(database: Database) -> None:
    tokens = await asyncio.gather(
        *(bootstrap(journal_of(database), tenant="default") for _ in range(5))
    )

    assert len([token for token in tokens if token is not None]) == 1


async def test_the_operators_own_key_is_taken_and_not_shown(database: Database) -> None:
    chosen = "wdn_" + "k" * 24

    assert await bootstrap(journal_of(database), tenant="default", chosen_key=chosen) is None

    assert (
        await KeyRing(database, journal_of(database)).authenticate(chosen)
    ).key_name == "bootstrap"


async def test_a_chosen_key_has_no_effect_once_there_are_keys(database: Database) -> None:
    await bootstrap(journal_of(database), tenant="default")
    late = "wdn_" + "k" * 24

    await bootstrap(journal_of(database), tenant="default", chosen_key=late)

    with pytest.raises(Unauthenticated):
        await KeyRing(database, journal_of(database)).authenticate(late)


@pytest.mark.parametrize(
    "chosen", ["", "secret", "wdn_short", "wdn_" + "k" * 23, "wdn_" + "!" * 40]
)
async def test_a_weak_or_malformed_key_is_refused_with_the_rule(
    database: Database, chosen: str
) -> None:
    with pytest.raises(HostUnusable, match="24 to 252") as caught:
        await bootstrap(journal_of(database), tenant="default", chosen_key=chosen)

    assert "secret" not in str(caught.value)


async def test_a_short_key_is_taken_where_only_this_machine_can_use_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await bootstrap(journal_of(database), tenant="default", chosen_key="wdn_test", exposed=False)

    assert (await KeyRing(database, journal_of(database)).authenticate("wdn_test")).scopes == {
        Scope.ADMIN
    }
    assert "guessed" in caplog.text


async def test_tenants_are_created_once_and_listed(database: Database) -> None:
    await add_tenant(database)
    tenants = Tenants(database, journal_of(database))
    await tenants.create("acme")
    await tenants.create("zoo")

    with pytest.raises(Conflict):
        await tenants.create("acme")
    assert [tenant.name for tenant in await tenants.list()] == ["acme", "default", "zoo"]


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a b", "é", "a" * 65, "a/b", "a\n"])
async def test_a_name_that_is_no_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await Tenants(database, journal_of(database)).create(name)

    assert caught.value.path == "name"
