"""Publishers, policies and the folder of lists: what operators say about trust."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hosts import fake_host, package
from signing import KEY, NEXT_KEY, STRANGER, list_of, package_of, signature_of
from wardian.errors import Conflict, InvalidArguments, NotFound, Revoked, SignatureInvalid
from wardian.runtime.host import PluginHost
from wardian.runtime.refresh import Refresh
from wardian.storage.audit import AuditRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def test_a_publisher_is_added_shown_and_removed(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        view = await made.host.publishers.add("acme", ["acme-*", "stores"], [str(KEY.public)])

        assert (view.name, view.plugins, view.revocations) == ("acme", ["acme-*", "stores"], None)
        assert [(key.id, key.state) for key in view.keys] == [(KEY.public.id, "active")]
        assert await made.host.publishers.show("acme") == view
        assert await made.host.publishers.list() == [view]
        with pytest.raises(Conflict, match="'acme' already"):
            await made.host.publishers.add("acme", ["*"])
        with pytest.raises(Conflict, match="known in this tenant"):
            await made.host.publishers.add("other", ["*"], [str(KEY.public)])
        assert [each.name for each in await made.host.publishers.list()] == ["acme"]

        await made.host.publishers.remove("acme")
        assert await made.host.publishers.list() == []
        with pytest.raises(NotFound, match="'acme'"):
            await made.host.publishers.remove("acme")


@pytest.mark.parametrize(
    ("name", "plugins", "keys", "path"),
    [
        ("No Name", ["*"], [], "name"),
        ("a" * 65, ["*"], [], "name"),
        ("acme", [], [], "plugins"),
        ("acme", ["*-acme"], [], "plugins[0]"),
        ("acme", ["acme-*", "a*b"], [], "plugins[1]"),
        ("acme", ["*"], ["ed25519:x"], None),
    ],
)
async def test_a_publisher_that_cannot_be_is_refused(
    tmp_path: Path, name: str, plugins: list[str], keys: list[str], path: str | None
) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(InvalidArguments) as caught:
            await made.host.publishers.add(name, plugins, keys)

        assert caught.value.path == path
        assert await made.host.publishers.list() == []


async def test_a_retired_key_is_revoked_but_not_the_other_way_round(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        await made.host.publishers.retire_key("acme", KEY.public.id, "old")
        with pytest.raises(Conflict, match="retired already"):
            await made.host.publishers.retire_key("acme", KEY.public.id)
        with pytest.raises(InvalidArguments, match="A reason takes 1"):
            await made.host.publishers.revoke_key("acme", KEY.public.id, "")

        view = await made.host.publishers.revoke_key("acme", KEY.public.id, "lost")
        assert [(key.state, key.reason) for key in view.keys] == [("revoked", "lost")]
        with pytest.raises(NotFound, match=NEXT_KEY.public.id):
            await made.host.publishers.retire_key("acme", NEXT_KEY.public.id)


@pytest.mark.parametrize(
    "distrust",
    [
        lambda host: host.revocations.add(reason="It lies.", name="acme-stores", versions="*"),
        lambda host: host.revocations.receive(
            "acme", list_of(1, {"name": "acme-stores", "versions": "*"}).signed(KEY)
        ),
        lambda host: host.publishers.revoke_key("acme", KEY.public.id, "lost"),
        lambda host: host.publishers.remove("acme"),
    ],
)
async def test_what_is_trusted_no_more_is_set_aside_also_when_who_said_so_goes_away(
    tmp_path: Path, distrust: Callable[[PluginHost], Coroutine[Any, Any, object]]
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        signed = package_of()
        await made.host.install(signed, signature=signature_of(signed))
        said = asyncio.create_task(distrust(made.host))
        made.host.events.subscribe("trust.changed", lambda event: said.cancel())

        with pytest.raises(asyncio.CancelledError):
            await said

        assert (await made.host.plugin("acme-stores")).state == "quarantined"


async def test_removing_a_publisher_quarantines_what_it_signed(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        signed = package_of()
        await made.host.install(signed, signature=signature_of(signed))
        await made.host.install(package())

        assert await made.host.publishers.remove("acme") == ["acme-stores"]
        with pytest.raises(SignatureInvalid, match="knows no key at all"):
            await made.host.call("acme-stores", "run", {})
        await made.host.call("stores", "run", {})


async def test_a_revoked_key_stays_revoked_when_its_publisher_is_removed_and_added_again(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        publishers = made.host.publishers
        await publishers.add("acme", ["*"], [str(KEY.public), str(NEXT_KEY.public)])
        await publishers.revoke_key("acme", KEY.public.id, "stolen")
        await publishers.remove("acme")

        assert await publishers.list() == []
        with pytest.raises(NotFound):
            await publishers.show("acme")
        with pytest.raises(NotFound):
            await publishers.remove("acme")
        for name in ("acme", "other"):
            with pytest.raises(Conflict, match=r"of 'acme' and was revoked \(stolen\)"):
                await publishers.add(name, ["*"], [str(KEY.public)])
        assert await publishers.list() == []
        signed = package_of()
        with pytest.raises(Revoked, match="stolen"):
            await made.host.install(signed, signature=signature_of(signed))

        view = await publishers.add("acme", ["acme-*"], [str(NEXT_KEY.public)])
        assert view.plugins == ["acme-*"]
        assert {(key.id, key.state) for key in view.keys} == {
            (KEY.public.id, "revoked"),
            (NEXT_KEY.public.id, "active"),
        }
        with pytest.raises(Conflict, match="'acme' already"):
            await publishers.add("acme", ["*"])
        with pytest.raises(Revoked, match="stolen"):
            await made.host.install(signed, signature=signature_of(signed))
        await made.host.install(signed, signature=signature_of(signed, NEXT_KEY))


async def test_what_a_publisher_revoked_stays_so_when_it_is_removed_and_added_again(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        newest = list_of(2, {"name": "acme-stores", "versions": "*"}).signed(KEY)
        await made.host.revocations.receive("acme", newest)
        await made.host.publishers.remove("acme")

        view = await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        assert view.revocations is not None
        assert view.revocations.number == 2
        signed = package_of()
        with pytest.raises(Revoked, match="in list 2"):
            await made.host.install(signed, signature=signature_of(signed))
        with pytest.raises(Conflict, match="higher number"):
            await made.host.revocations.receive("acme", list_of(1).signed(KEY))


async def test_a_policy_is_warn_until_it_is_set_and_a_part_of_it_stays(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        before = await made.host.trust.show()
        assert (before.unsigned, before.stale, before.updated_by) == ("warn", "warn", None)

        await made.host.trust.set(unsigned="allow", actor="alice")
        after = await made.host.trust.set(stale="refuse", actor="bob")
        assert (after.unsigned, after.stale, after.updated_by) == ("allow", "refuse", "bob")
        assert await made.host.trust.show() == after
        with pytest.raises(InvalidArguments, match="allow, warn, refuse, not 'maybe'"):
            await made.host.trust.set(unsigned="maybe")
        with pytest.raises(NotFound):
            await made.host.trust.set(stale="warn", tenant="nobody")


async def test_a_policy_that_refuses_the_unsigned_quarantines_those_that_are(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        view = await made.host.install(package())
        assert view.warnings == ["It is not signed: nobody vouches for where it comes from."]
        assert (await made.host.trust.set(unsigned="allow")).quarantined == []
        assert (await made.host.plugin("stores")).warnings == []

        assert (await made.host.trust.set(unsigned="refuse")).quarantined == ["stores"]
        with pytest.raises(SignatureInvalid, match="unsigned: refuse"):
            await made.host.call("stores", "run", {})

        await made.host.trust.set(unsigned="warn")
        with pytest.raises(Conflict, match=r"is quarantined \(.*refuse`\): look at why"):
            await made.host.call("stores", "run", {})
        with pytest.raises(Conflict, match=r"cannot become enabled at once: .* disable it first"):
            await made.host.enable("stores")
        await made.host.disable("stores")
        assert (await made.host.enable("stores")).state == "active"


async def test_every_change_of_trust_is_an_audit_entry_and_an_event(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)], actor="alice")
        await made.host.revocations.receive("acme", list_of(1).signed(KEY), actor="bob")
        view = await made.host.revocations.add(name="x", versions="*", reason="no", actor="carol")
        await made.host.revocations.remove(view.id, actor="carol")
        await made.host.publishers.remove("acme", actor="alice")

        events = await made.host.events.recent(50, "trust.*", tenant="default")
        assert {event.topic for event in events} == {"trust.changed"}
        async with made.parts.database.reading() as connection:
            entries = await AuditRepository(connection, "default").recent(50)
        assert [(entry.action, entry.actor) for entry in reversed(entries)][1:] == [
            ("trust.publisher-added", "alice"),
            ("trust.key-added", "alice"),
            ("trust.list-received", "bob"),
            ("trust.revoked", "carol"),
            ("trust.revocation-removed", "carol"),
            ("trust.publisher-removed", "alice"),
        ]
        assert len(events) == 6


async def test_lists_are_taken_from_a_folder_and_bad_ones_leave_the_last_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "lists"
    path = folder / "default" / "acme.json"
    path.parent.mkdir(parents=True)
    async with fake_host(tmp_path / "state") as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        signed = package_of()
        await made.host.install(signed, signature=signature_of(signed))
        refresh = Refresh(made.host.tenants, made.host.publishers, made.host.revocations)
        await refresh.take(folder)
        assert caplog.records == []

        path.write_bytes(list_of(1).signed(KEY))
        await refresh.take(folder)
        bad = list_of(2, {"name": "acme-stores", "versions": "*"}).signed(STRANGER)
        for content in (bad, b"garbage", b" " * 2_000_000):
            path.write_bytes(content)
            for _ in range(2):
                await refresh.take(folder)
        assert len(caplog.records) == 3
        assert await _number(made.host) == 1
        assert (await made.host.plugin("acme-stores")).state == "active"

        path.unlink()
        os.mkfifo(path)
        await refresh.take(folder)
        assert "not a regular file" in caplog.records[-1].getMessage()

        path.unlink()
        good = list_of(2, {"name": "acme-stores", "versions": "*"}).signed(KEY)
        path.write_bytes(good)
        await refresh.take(folder)
        assert (await made.host.plugin("acme-stores")).state == "quarantined"


async def test_the_folder_is_looked_at_when_the_host_starts_and_now_and_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "lists"
    (folder / "default").mkdir(parents=True)
    path = folder / "default" / "acme.json"
    async with fake_host(tmp_path / "state") as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        path.write_bytes(list_of(1).signed(KEY))
        refresh = Refresh(made.host.tenants, made.host.publishers, made.host.revocations)
        changed = made.parts.trust
        async with refresh.kept(folder, 0.001):
            assert await _number(made.host) == 1
            path.with_suffix(".new").write_bytes(list_of(2).signed(KEY))
            path.with_suffix(".new").replace(path)
            before = changed.changes
            while changed.changes == before:
                await made.host.ready()
            assert await _number(made.host) == 2
        async with refresh.kept(None, 0.001):
            assert await _number(made.host) == 2


async def _number(host: PluginHost) -> int | None:
    found = (await host.publishers.show("acme")).revocations
    return None if found is None else found.number
