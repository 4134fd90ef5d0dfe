"""Access tokens are renewed before they end, once, and written down before they are used."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql
from starlette.responses import JSONResponse, Response

import postgres
from connecting import CLIENT, MANIFEST, PLUGIN, PROVIDER, World
from connecting import world as open_world
from hosts import fake_host, package
from providers import CANARY
from telling import check_fields
from wardian.errors import Unavailable, WardianError
from wardian.events import BusPolicy, DatabaseBus, Events
from wardian.oauth import Tokens
from wardian.policy.secret import Secret
from wardian.runtime.journal import Journal
from wardian.runtime.oauth import refreshing
from wardian.runtime.oauth.tokens import TokenStore
from wardian.storage import Database
from wardian.vault import Bound, Held, Kind

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


def access(held: Held) -> str:
    return held.secrets["access_token"].reveal()


async def test_a_token_with_time_left_is_used_as_it_is(world: World) -> None:
    await world.connect()

    assert access(await world.fresh()) == access(await world.held())
    assert world.provider.exchanges("refresh_token") == 0


async def test_a_token_that_is_over_is_renewed_before_it_is_used(world: World) -> None:
    await world.connect()
    before = await world.held()
    world.clock.forward(hours=2)

    found = await world.fresh()

    assert access(found) != access(before)
    assert (await world.held()).version == before.version + 1
    assert access(await world.held()) == access(found)
    assert world.provider.exchanges("refresh_token") == 1


async def test_a_token_about_to_end_is_used_and_renewed_meanwhile(world: World) -> None:
    await world.connect()
    before = await world.held()
    world.clock.forward(minutes=58)

    found = await world.fresh()
    await world.refreshing.settled()

    assert access(found) == access(before)
    assert access(await world.held()) != access(before)


async def test_however_many_ask_at_once_the_provider_is_asked_once(world: World) -> None:
    await world.connect()
    held = await world.held()
    world.clock.forward(hours=2)

    found = await asyncio.gather(*(world.host.host.connections.fresh(held) for _ in range(50)))

    assert len({access(each) for each in found}) == 1
    assert world.provider.exchanges("refresh_token") == 1


async def test_a_call_that_ends_meanwhile_does_not_take_the_answer_with_it(world: World) -> None:
    await world.connect()
    before = await world.held()
    world.clock.forward(hours=2)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await go_on.wait()

    world.provider.be(before_token=wait)
    call = asyncio.create_task(world.fresh())
    await asked.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    go_on.set()
    await world.refreshing.settled()

    after = await world.held()
    assert after.version == before.version + 1
    assert after.secrets["refresh_token"].reveal() in world.provider.refresh_tokens


async def test_what_is_about_to_end_is_renewed_in_the_background(world: World) -> None:
    await world.connect()
    before = await world.held()
    await world.host.host.connections.renew_due("default")
    await world.refreshing.settled()
    assert (await world.held()).version == before.version
    world.clock.forward(minutes=58)

    await world.host.host.connections.renew_due("default")
    await world.refreshing.settled()

    assert (await world.held()).version == before.version + 1


async def test_a_refused_refresh_breaks_the_connection_until_it_is_made_again(
    world: World,
) -> None:
    await world.connect()
    world.provider.refresh_tokens.clear()  # somebody took the consent back
    world.clock.forward(hours=2)

    with pytest.raises(Unavailable, match="wardian oauth connect stores hub"):
        await world.fresh()
    with pytest.raises(Unavailable, match="invalid_grant"):
        await world.fresh()

    assert world.provider.exchanges("refresh_token") == 1
    view = await world.status()
    assert (view.state, "invalid_grant" in (view.fault or "")) == ("broken", True)
    (kept,) = [
        each for each in await world.host.parts.vault.list("default") if each.name == PROVIDER
    ]
    assert (kept.standing, kept.warnings) == ("broken", [view.fault])
    events = await world.host.host.events.recent(1, "plugin.oauth-broken", tenant="default")
    check_fields(events[0])
    assert events[0].value()["reason"] == "invalid_grant"
    await world.connect()
    assert (await world.status()).state == "connected"
    assert access(await world.fresh()) in world.provider.access_tokens


async def test_a_provider_that_is_down_is_asked_again_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.connect()
    world.clock.forward(hours=2)
    world.provider.be(answering=lambda: Response("canary page", 502))

    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable, match="status 502"):
        await world.fresh()
    with pytest.raises(Unavailable, match="status 502"):
        await world.fresh()

    assert world.provider.exchanges("refresh_token") == 1  # it is left alone for a while
    assert (await world.status()).fault is None
    assert CANARY not in caplog.text


async def test_a_token_still_good_outlives_a_provider_that_is_down(world: World) -> None:
    await world.connect()
    world.clock.forward(minutes=58)
    world.provider.be(answering=lambda: Response(status_code=503))

    first = await world.fresh()
    await world.refreshing.settled()

    assert access(await world.fresh()) == access(first)


async def test_an_answer_that_is_lost_ends_in_a_clear_refusal(world: World) -> None:
    """The provider has rotated the token, and nobody knows the new one."""
    await world.connect()
    world.clock.forward(hours=2)
    world.provider.be(answering=lambda: Response(status_code=504))
    with pytest.raises(Unavailable):
        await world.fresh()
    world.provider.be(answering=None)
    world.refreshing._rests.clear()

    with pytest.raises(Unavailable, match="Connect it again: wardian oauth connect"):
        await world.fresh()


async def test_tokens_that_cannot_be_written_down_are_not_used_and_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.connect()
    world.clock.forward(hours=2)
    renew = TokenStore.renew

    async def full(*_: Any) -> None:
        raise WardianError("The database did not answer as it should: disk full.")

    monkeypatch.setattr(TokenStore, "renew", full)
    with pytest.raises(WardianError, match="disk full"):
        await world.fresh()
    monkeypatch.setattr(TokenStore, "renew", renew)
    world.refreshing._rests.clear()

    found = await world.fresh()

    assert access(found) in world.provider.access_tokens
    assert world.provider.exchanges("refresh_token") == 1
    assert world.provider.withdrawn == set()


async def test_a_connection_that_ends_while_it_is_renewed_stays_ended(world: World) -> None:
    await world.connect()
    world.clock.forward(hours=2)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await go_on.wait()

    world.provider.be(before_token=wait)
    call = asyncio.create_task(world.fresh())
    await asked.wait()
    plugin = await world.host.parts.registry.get("default", PLUGIN)
    await world.host.parts.vault.remove("default", owner=plugin.id, name=PROVIDER)
    go_on.set()

    with pytest.raises(Unavailable, match="changed meanwhile"):
        await call

    assert (await world.status()).state == "not-connected"
    assert world.provider.withdrawn == set(world.provider.access_tokens.values())


async def test_a_connection_of_another_host_s_refresh_is_taken(world: World) -> None:
    await world.connect()
    held = await world.held()
    world.clock.forward(hours=2)
    await world.fresh()
    used = world.provider.exchanges("refresh_token")

    found = await world.host.host.connections.fresh(held)

    assert access(found) == access(await world.held())
    assert world.provider.exchanges("refresh_token") == used


async def test_a_client_that_names_another_server_gets_no_refresh_token_sent(
    world: World,
) -> None:
    await world.connect()
    await world.register(token_url=f"{world.provider.url}/elsewhere")
    world.clock.forward(hours=2)

    with pytest.raises(Unavailable, match="another server"):
        await world.fresh()

    assert world.provider.exchanges("refresh_token") == 0


async def test_a_wrong_client_secret_does_not_break_a_connection(world: World) -> None:
    await world.connect()
    world.clock.forward(hours=2)
    world.provider.secret = "changed"

    with pytest.raises(Unavailable, match="invalid_client"):
        await world.fresh()

    assert (await world.status()).state == "connected"


async def test_a_client_that_is_gone_is_named(world: World) -> None:
    await world.connect()
    await world.host.parts.vault.remove("default", owner=None, name=CLIENT)
    world.clock.forward(hours=2)

    with pytest.raises(Unavailable, match=r"'hub-client' .* is gone"):
        await world.fresh()


async def test_without_a_refresh_token_a_token_is_used_to_its_end(world: World) -> None:
    world.provider.be(refreshes=False)
    await world.connect()
    world.clock.forward(minutes=59)
    assert access(await world.fresh()) in world.provider.access_tokens
    assert (await world.status()).renewed is False
    world.clock.forward(minutes=2)

    with pytest.raises(Unavailable, match="nothing to renew it with"):
        await world.fresh()


async def test_a_token_without_an_end_is_used_for_ever(world: World) -> None:
    world.provider.be(expires_in=None)
    await world.connect()
    world.clock.forward(days=4000)

    assert access(await world.fresh()) in world.provider.access_tokens


async def test_a_refresh_token_that_is_not_rotated_stays(world: World) -> None:
    await world.connect()
    before = await world.held()
    world.provider.be(
        answering=lambda: JSONResponse(
            {"access_token": "canary-access-2", "token_type": "bearer", "expires_in": 60}
        )
    )
    world.clock.forward(hours=2)

    found = await world.fresh()

    assert access(found) == "canary-access-2"
    assert found.secrets["refresh_token"] == before.secrets["refresh_token"]
    assert list(found.public["scopes"]) == ["read", "write"]


async def test_fewer_scopes_after_a_refresh_are_told(world: World) -> None:
    await world.connect()
    world.provider.be(grants="read")
    world.clock.forward(hours=2)

    await world.fresh()

    assert (await world.status()).missing == ["write"]
    events = await world.host.host.events.recent(1, "plugin.oauth-scopes-changed", tenant="default")
    check_fields(events[0])
    assert events[0].value()["granted"] == ["read"]


async def test_other_credentials_are_as_fresh_as_they_are(world: World) -> None:
    plugin = await world.host.parts.registry.get("default", PLUGIN)
    for name, kind, field in (
        ("bearer", Kind.BEARER, "token"),
        ("own", Kind.OAUTH2_TOKEN, "access_token"),
    ):
        await world.host.parts.vault.put(
            "default",
            owner=None,
            name=name,
            kind=kind,
            public={},
            secrets={field: Secret("canary-own")},
            bound=Bound(),
        )
        held = await world.host.parts.vault.find("default", plugin.id, name)

        assert await world.host.host.connections.fresh(held) is held


async def test_connections_of_one_moment_are_due_at_different_ones(world: World) -> None:
    await world.connect()
    record = refreshing.record_of((await world.held()).public)
    assert record is not None
    assert record.valid_until is not None

    due = [record.due_at(f"seed {n}") for n in range(100)]

    left = [record.valid_until - each for each in due if each is not None]
    assert len(set(left)) == 100
    assert all(300 <= each.total_seconds() <= 600 for each in left)
    assert record.renewed(Tokens(access_token=Secret("x")), record.obtained_at).due_at("") is None


async def test_a_plugin_names_the_connection_and_the_host_does_the_rest(world: World) -> None:
    await world.connect()
    first = access(await world.held())
    answered = await world.issues()
    world.clock.forward(hours=2)

    again = await world.issues()

    assert (answered["tag"], again["tag"]) == ("ok", "ok"), (answered, again)
    assert [answered["val"]["status"], again["val"]["status"]] == [200, 200]
    assert world.provider.spent == [first, access(await world.held())]
    assert first != world.provider.spent[1]
    assert CANARY not in repr(answered) + repr(again)


async def test_a_plugin_whose_connection_is_broken_or_missing_is_told(world: World) -> None:
    missing = await world.issues()
    await world.connect()
    world.provider.refresh_tokens.clear()
    world.clock.forward(hours=2)

    broken = await world.issues()

    assert (missing["tag"], missing["val"]["tag"]) == ("err", "not-found")
    assert (broken["tag"], broken["val"]["tag"]) == ("err", "unavailable")
    assert "wardian oauth connect stores hub" in broken["val"]["val"]
    assert world.provider.spent == []


async def test_a_damaged_credential_does_not_keep_others_from_being_renewed(
    world: World,
) -> None:
    more = MANIFEST.replace('provider = "hub"', 'provider = "a-hub"')
    await world.host.host.install(package("damaged", more=more))
    started = await world.host.host.oauth_flows.start("damaged", "a-hub", client=CLIENT)
    await world.browser().connect(started.authorize_url)
    await world.connect()
    before = await world.held()
    async with world.host.parts.database.transaction() as connection:
        await connection.execute(sql("UPDATE credentials SET version = 99 WHERE name = 'a-hub'"))
    world.clock.forward(minutes=58)

    await world.host.host.connections.renew_due("default")
    await world.refreshing.settled()

    assert (await world.held()).version == before.version + 1


async def test_a_moment_that_could_be_any_makes_no_record() -> None:
    moments = {"obtained_at": "2026-01-01T00:00:00", "connected_at": "2026-01-01T00:00:00Z"}
    known = {"client": "c", "token_url": "https://id.example/t", "connected_by": "op"}

    assert refreshing.record_of(known | moments) is None
    assert refreshing.record_of(known | moments | {"obtained_at": "2026-01-01T00:00:00Z"})


class Both:
    """What two hosts do about one token that is over, at once."""

    def __init__(self, server: postgres.Server, database: str) -> None:
        self._server = server
        self._database = database
        self._asked = 0

    async def before_token(self) -> None:
        """Answer nobody before the other host has asked too, or waits for its turn."""
        self._asked += 1
        while self._asked < 2 and not await self._waits():
            await asyncio.sleep(0.01)  # the server has no event of it

    async def _waits(self) -> bool:
        rows = await self._server.run(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            f"WHERE datname = '{self._database}' AND locktype = 'advisory' AND NOT granted"
        )
        return bool(rows)


async def test_two_hosts_that_renew_a_token_at_once_use_the_refresh_token_once(
    postgres_server: postgres.Server, postgres_url: str, tmp_path: Path
) -> None:
    shared = {"database_url": postgres_url, "packages_dir": tmp_path / "packages"}
    async with open_world(tmp_path / "one", **shared) as world:
        await world.register()
        await world.connect()
        held = await world.held()
        async with fake_host(
            tmp_path / "other",
            root_key=f"file:{tmp_path / 'one' / 'root.key'}",
            egress_allowed_networks=("127.0.0.0/8",),
            **shared,
        ) as other:
            other.host.connections._refreshing._now = world.clock
            world.clock.forward(hours=2)
            both = Both(postgres_server, postgres.name_of(postgres_url))
            world.provider.be(before_token=both.before_token)

            found = await asyncio.gather(
                *(host.connections.fresh(held) for host in (world.host.host, other.host))
            )

        # A provider that saw the refresh token twice would have withdrawn all of them.
        assert len({access(each) for each in found}) == 1
        assert world.provider.exchanges("refresh_token") == 1
        after = await world.held()
        assert access(after) == access(found[0])
        assert after.secrets["refresh_token"].reveal() in world.provider.refresh_tokens


async def test_a_host_that_waits_too_long_for_its_turn_says_so(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "TURN_SECONDS", 0.0)
    async with open_world(tmp_path / "one", database_url=postgres_url) as world:
        await world.register()
        await world.connect()
        held = await world.held()
        world.clock.forward(hours=2)
        async with Database.open(postgres_url) as database:
            journal = Journal(database, Events(database, DatabaseBus(database, BusPolicy())))
            async with journal.alone_with("default", f"credential {held.id}"):
                with pytest.raises(Unavailable, match="Another host"):
                    await world.fresh()
    assert world.provider.exchanges("refresh_token") == 0
