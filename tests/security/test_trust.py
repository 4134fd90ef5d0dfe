"""One test for each attack that The Update Framework names, as far as it applies to packages.

https://theupdateframework.github.io/specification/latest, section 1.5.2. Two of them do not apply:
«extraneous dependencies» (a package brings none along; its manifest names plugins that the operator
installs) and «slow retrieval» (the host retrieves nothing; who uploads is timed out by the server).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from signing import (
    KEY,
    NEXT_KEY,
    STRANGER,
    list_of,
    package_of,
    rotation_of,
    signature_of,
)
from telling import check_fields
from wardian.crypto.digests import sha256_hex
from wardian.errors import Conflict, Revoked, SignatureInvalid, WardianError
from wardian.plugins.package import component_of
from wardian.plugins.statements import RevocationList
from wardian.storage.plugins import PluginRepository
from wardian.storage.trust import TrustRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

NAME = "acme-stores"
OTHER_WASM = WASM + b"\0\x05\x04evil"


async def ask(arguments: Mapping[str, Any], answer: Any) -> Any:
    return await answer("context", "current", [])


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    """A host whose tenant trusts one publisher, `acme`, for plugins named `acme-…`."""
    async with fake_host(tmp_path, {"run": ask}) as opened:
        await opened.host.publishers.add("acme", ["acme-*"], [str(KEY.public)])
        yield opened


async def install(made: FakeHost, package: bytes, *keys: Any, **options: Any) -> Any:
    signature = signature_of(package, *keys)
    return await made.host.install(package, signature=signature, **options)


async def refused(
    made: FakeHost, kind: type[WardianError], package: bytes, signature: bytes | None
) -> str:
    """Check that a package is refused, and leaves nothing; return what the host said."""
    before = await made.host.plugins()
    with pytest.raises(kind) as caught:
        await made.host.install(package, signature=signature)
    assert await made.host.plugins() == before
    return caught.value.message


async def waived(made: FakeHost) -> str:
    """Return what was last let pass against the protection from going back."""
    events = await made.host.events.recent(1, "plugin.protection-waived", tenant="default")
    check_fields(events[0])
    return events[0].data


async def is_quarantined(made: FakeHost, why: str) -> None:
    """Check that the plugin runs no more, and that calls are told why each time."""
    view = await made.host.plugin(NAME)
    assert view.state == "quarantined"
    assert why in view.state_reason


# -- arbitrary software --


async def test_arbitrary_software_a_strangers_signature_is_refused_whatever_the_policy(
    made: FakeHost,
) -> None:
    package = package_of()
    for unsigned in ("allow", "warn", "refuse"):
        await made.host.trust.set(unsigned=unsigned)
        said = await refused(made, SignatureInvalid, package, signature_of(package, STRANGER))

        assert STRANGER.public.id in said
        assert KEY.public.id[:16] in said
        assert "'acme'" in said


async def test_arbitrary_software_a_broken_signature_is_never_taken_for_none(
    made: FakeHost,
) -> None:
    package = package_of("unknown-plugin")
    signature = signature_of(package)
    await made.host.trust.set(unsigned="allow")

    for broken in (b"", b"{}", signature[:-20], signature.replace(b'"sig":"', b'"sig":"A')):
        await refused(made, SignatureInvalid, package, broken)
    await made.host.install(package)


async def test_arbitrary_software_a_forged_signature_in_the_publishers_name_is_refused(
    made: FakeHost,
) -> None:
    package = package_of()
    forged = signature_of(package, STRANGER).replace(
        STRANGER.public.id.encode(), KEY.public.id.encode()
    )

    said = await refused(made, SignatureInvalid, package, forged)
    assert "does not hold" in said
    assert KEY.public.id in said


async def test_arbitrary_software_a_statement_of_another_kind_is_no_signature(
    made: FakeHost,
) -> None:
    said = await refused(made, SignatureInvalid, package_of(), list_of(1).signed(KEY))
    assert "revocations" in said


# -- wrong software --


async def test_wrong_software_a_publisher_signs_its_own_plugins_only(made: FakeHost) -> None:
    package = package_of("payments")
    said = await refused(made, SignatureInvalid, package, signature_of(package))

    assert "acme-*" in said
    assert "'payments'" in said


async def test_wrong_software_another_publisher_cannot_take_over_a_name(made: FakeHost) -> None:
    await install(made, package_of())
    await made.host.publishers.add("mallory", ["*"], [str(STRANGER.public)])
    newer = package_of(version="2.0.0")

    with pytest.raises(SignatureInvalid, match=r"signed by 'mallory'.*was signed by 'acme'"):
        await made.host.upgrade(newer, signature=signature_of(newer, STRANGER))
    await made.host.uninstall(NAME)
    await refused(made, SignatureInvalid, newer, signature_of(newer, STRANGER))

    view = await install(made, newer, STRANGER, allow_other_publisher=True)
    assert view.publisher == "mallory"


# -- stripped signature --


async def test_a_stripped_signature_is_refused_once_the_plugin_was_signed(made: FakeHost) -> None:
    await made.host.trust.set(unsigned="allow")
    await install(made, package_of())
    newer = package_of(version="2.0.0")

    with pytest.raises(SignatureInvalid, match=r"2\.0\.0 is not signed.*was signed by 'acme'"):
        await made.host.upgrade(newer)
    await made.host.uninstall(NAME)
    await refused(made, SignatureInvalid, newer, None)
    assert not (await made.host.install(newer, allow_other_publisher=True)).signed


async def test_a_stripped_signature_is_refused_where_the_policy_demands_one(
    made: FakeHost,
) -> None:
    await made.host.trust.set(unsigned="refuse")
    said = await refused(made, SignatureInvalid, package_of(), None)
    assert "no signature" in said
    assert "unsigned: refuse" in said


# -- rollback --


async def test_rollback_an_older_version_is_refused_even_after_an_uninstall(
    made: FakeHost,
) -> None:
    old, new = package_of(version="1.2.0"), package_of(version="1.10.0")
    await install(made, new)
    with pytest.raises(Conflict, match=r"older than 1\.10\.0"):
        await made.host.upgrade(old, signature=signature_of(old))
    await made.host.uninstall(NAME)

    said = await refused(made, Conflict, old, signature_of(old))
    assert "1.2.0 is older than 1.10.0" in said
    assert (await install(made, old, allow_older=True)).version == "1.2.0"
    assert "older than 1.10.0" in await waived(made)


async def test_rollback_of_what_nobody_signed_is_written_down(made: FakeHost) -> None:
    await made.host.install(package_of("plain", "2.0.0"))
    await made.host.uninstall("plain")

    await made.host.install(package_of("plain", "1.9.9"))
    assert "1.9.9 is older than 2.0.0" in await waived(made)


async def test_rollback_of_a_list_of_revocations_is_refused(made: FakeHost) -> None:
    first = list_of(1).signed(KEY)
    second = list_of(2, {"name": NAME, "versions": "1.0.0"}).signed(KEY)
    await made.host.revocations.receive("acme", first)
    await made.host.revocations.receive("acme", second)

    with pytest.raises(Conflict, match="number 1, and the host has 2"):
        await made.host.revocations.receive("acme", first)
    with pytest.raises(Conflict, match="number 2, and the host has 2"):
        await made.host.revocations.receive("acme", list_of(2).signed(KEY))
    assert (await made.host.revocations.receive("acme", second)).quarantined == []
    await refused(made, Revoked, package_of(), signature_of(package_of()))


# -- fast-forward --


async def test_fast_forward_a_stolen_keys_highest_number_is_forgotten_with_the_key(
    made: FakeHost,
) -> None:
    await made.host.publishers.rotate("acme", rotation_of().signed(KEY, NEXT_KEY))
    await made.host.publishers.add_key("acme", str(STRANGER.public))
    stolen = list_of(2**53 - 1).signed(STRANGER)
    await made.host.revocations.receive("acme", stolen)
    honest = list_of(7, {"sha256": sha256_hex(package_of())}).signed(NEXT_KEY)
    with pytest.raises(Conflict, match="number 7"):
        await made.host.revocations.receive("acme", honest)

    await made.host.publishers.revoke_key("acme", STRANGER.public.id, "stolen")
    view = await made.host.revocations.receive("acme", honest)
    assert view.revocations is not None
    assert view.revocations.number == 7


async def test_fast_forward_a_version_that_was_refused_is_not_remembered(made: FakeHost) -> None:
    far = package_of(version="999.0.0")
    await refused(made, SignatureInvalid, far, signature_of(far, STRANGER))
    await refused(made, SignatureInvalid, package_of(), signature_of(far))

    assert (await install(made, package_of())).version == "1.0.0"


# -- indefinite freeze --


async def test_freeze_nothing_new_comes_in_while_the_list_is_stale_and_what_is_here_goes_on(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, {"run": ask}) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        await install(made, package_of())
        now = datetime.now(UTC)
        made.parts.trust._clock = lambda: now
        await made.host.revocations.receive("acme", list_of(1).signed(KEY))
        assert (await made.host.plugin(NAME)).warnings == []

        now += timedelta(days=8)
        (warning,) = (await made.host.plugin(NAME)).warnings
        assert "number 1" in warning
        assert "expired" in warning
        other = package_of("acme-other")
        assert (await install(made, other)).warnings == [warning]

        await made.host.trust.set(stale="refuse")
        another = package_of("acme-another")
        said = await refused(made, SignatureInvalid, another, signature_of(another))
        assert "stale: refuse" in said
        await made.host.call(NAME, "run", {})


async def test_freeze_a_list_that_has_expired_is_not_taken_and_the_last_good_one_stays(
    made: FakeHost,
) -> None:
    good = list_of(1, {"name": NAME, "versions": "*"}).signed(KEY)
    await made.host.revocations.receive("acme", good)
    past = datetime.now(UTC) - timedelta(days=2)
    expired = list_of(
        2, issued_at=past.isoformat(), expires_at=(past + timedelta(days=1)).isoformat()
    )

    with pytest.raises(SignatureInvalid, match="List 2 of 'acme' expired"):
        await made.host.revocations.receive("acme", expired.signed(KEY))
    await refused(made, Revoked, package_of(), signature_of(package_of()))


async def test_freeze_a_list_from_the_future_is_not_taken(made: FakeHost) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    early = list_of(
        1, issued_at=soon.isoformat(), expires_at=(soon + timedelta(days=1)).isoformat()
    )

    with pytest.raises(SignatureInvalid, match="was issued at"):
        await made.host.revocations.receive("acme", early.signed(KEY))


# -- endless data --


async def test_endless_data_signatures_and_lists_are_bounded_before_they_are_parsed(
    made: FakeHost,
) -> None:
    package = package_of()
    padded = signature_of(package) + b" " * 20_000
    assert "bytes, and at most" in await refused(made, SignatureInvalid, package, padded)
    nested = b'{"signatures":' + b"[" * 10_000
    assert "nests too deep" in await refused(made, SignatureInvalid, package, nested)

    with pytest.raises(SignatureInvalid, match="bytes, and at most"):
        await made.host.revocations.receive("acme", b" " * (RevocationList.bytes_max + 1))


# -- mix and match --


async def test_mix_and_match_a_signature_is_of_one_package_only(made: FakeHost) -> None:
    one, two = package_of(version="1.0.0"), package_of(version="1.1.0")
    said = await refused(made, SignatureInvalid, one, signature_of(two))
    assert "is of acme-stores 1.1.0, and the package is acme-stores 1.0.0" in said

    lying = signature_of(two, version="1.0.0")
    said = await refused(made, SignatureInvalid, one, lying)
    assert sha256_hex(one) in said
    assert sha256_hex(two) in said


async def test_mix_and_match_a_swapped_member_breaks_the_signature(made: FakeHost) -> None:
    honest, swapped = package_of(), package_of(wasm=OTHER_WASM)
    said = await refused(made, SignatureInvalid, swapped, signature_of(honest))
    assert "not the file that was signed" in said


async def test_mix_and_match_a_version_that_was_installed_is_that_package_for_ever(
    made: FakeHost,
) -> None:
    await install(made, package_of())
    await made.host.uninstall(NAME)
    other = package_of(wasm=OTHER_WASM)

    said = await refused(made, Conflict, other, signature_of(other))
    assert sha256_hex(other) in said
    assert sha256_hex(package_of()) in said


async def test_a_file_swapped_on_disk_is_not_loaded(made: FakeHost, tmp_path: Path) -> None:
    package = package_of()
    await install(made, package)
    path = tmp_path / "packages" / f"{sha256_hex(package)}.wardian"
    path.write_bytes(package_of(wasm=OTHER_WASM))
    await made.host.call(NAME, "run", {})

    with pytest.raises(WardianError, match="was changed"):
        await made.executor.jobs[-1].load()
    path.write_bytes(package)
    assert await made.executor.jobs[-1].load() == component_of(package)


async def test_a_row_swapped_in_the_database_is_not_loaded(made: FakeHost) -> None:
    one, two = package_of(), package_of("acme-other", "3.0.0")
    await install(made, one)
    await install(made, two)
    async with made.parts.database.transaction() as connection:
        packages = PluginRepository(connection, "default")
        taken, given = [await packages.package(sha256_hex(each)) for each in (two, one)]
        assert taken is not None
        assert given is not None
        await packages.add_package(replace(given, envelope=taken.envelope))
    made.parts.trust.forget("default")

    with pytest.raises(SignatureInvalid, match=r"is of acme-other 3\.0\.0, and the package"):
        await made.host.call(NAME, "run", {})
    await is_quarantined(made, "acme-other 3.0.0")


# -- key compromise --


async def test_key_compromise_a_revoked_key_stops_what_it_signed_at_once(made: FakeHost) -> None:
    await install(made, package_of())
    await made.host.call(NAME, "run", {})

    view = await made.host.publishers.revoke_key("acme", KEY.public.id, "it was stolen")
    assert view.quarantined == [NAME]
    await is_quarantined(made, "it was stolen")
    with pytest.raises(Revoked, match="it was stolen"):
        await made.host.call(NAME, "run", {})
    said = await refused(
        made, Revoked, package_of("acme-new"), signature_of(package_of("acme-new"))
    )
    assert KEY.public.id in said
    await made.host.disable(NAME)
    with pytest.raises(Revoked):
        await made.host.enable(NAME)


async def test_key_compromise_a_revoked_key_comes_back_by_nothing_that_it_signs(
    made: FakeHost,
) -> None:
    await made.host.publishers.revoke_key("acme", KEY.public.id, "stolen")

    with pytest.raises(SignatureInvalid, match="is revoked; only an active key"):
        await made.host.publishers.rotate("acme", rotation_of().signed(KEY, NEXT_KEY))
    with pytest.raises(SignatureInvalid, match=r"\(revoked\)"):
        await made.host.revocations.receive("acme", list_of(9).signed(KEY))
    with pytest.raises(Conflict, match="known in this tenant already"):
        await made.host.publishers.add_key("acme", str(KEY.public))
    with pytest.raises(Conflict, match="revoked already"):
        await made.host.publishers.retire_key("acme", KEY.public.id)


async def test_key_compromise_a_publisher_revokes_its_own_key_by_its_list(
    made: FakeHost,
) -> None:
    await made.host.publishers.add_key("acme", str(NEXT_KEY.public))
    await install(made, package_of())
    listed = list_of(1, {"key_id": KEY.public.id}).signed(NEXT_KEY)

    assert (await made.host.revocations.receive("acme", listed)).quarantined == [NAME]
    later = list_of(2).signed(NEXT_KEY)
    assert (await made.host.revocations.receive("acme", later)).keys[0].state == "revoked"


async def test_key_compromise_a_publisher_revokes_nothing_of_anothers(made: FakeHost) -> None:
    await made.host.publishers.add("mallory", ["*"], [str(STRANGER.public)])
    await install(made, package_of())

    key = list_of(1, {"key_id": KEY.public.id}).signed(STRANGER)
    with pytest.raises(SignatureInvalid, match="which is of 'acme'"):
        await made.host.revocations.receive("mallory", key)
    with pytest.raises(SignatureInvalid, match="takes a signature that holds by an active key"):
        await made.host.revocations.receive("acme", list_of(1).signed(STRANGER))
    everything = list_of(1, {"name": NAME, "versions": "*"}, {"sha256": sha256_hex(package_of())})
    await made.host.revocations.receive("mallory", everything.signed(STRANGER))
    await made.host.call(NAME, "run", {})


async def test_key_rotation_takes_the_signatures_of_both_keys(made: FakeHost) -> None:
    for signers in ((KEY,), (NEXT_KEY,), (STRANGER, NEXT_KEY)):
        with pytest.raises(SignatureInvalid, match="not signed by"):
            await made.host.publishers.rotate("acme", rotation_of().signed(*signers))
    with pytest.raises(SignatureInvalid, match="does not have here"):
        await made.host.publishers.rotate("acme", rotation_of(STRANGER).signed(STRANGER, NEXT_KEY))

    await install(made, package_of())
    view = await made.host.publishers.rotate("acme", rotation_of().signed(KEY, NEXT_KEY))
    assert [(key.id, key.state) for key in view.keys] == [
        (KEY.public.id, "retired"),
        (NEXT_KEY.public.id, "active"),
    ]
    await made.host.call(NAME, "run", {})
    newer = package_of(version="1.1.0")
    with pytest.raises(SignatureInvalid, match="retired"):
        await made.host.upgrade(newer, signature=signature_of(newer, KEY))
    done = await made.host.upgrade(newer, signature=signature_of(newer, NEXT_KEY))
    assert done.plugin.key_id == NEXT_KEY.public.id


# -- revocation --


@pytest.mark.parametrize(
    "revoked",
    [
        {"sha256": sha256_hex(package_of())},
        {"name": NAME, "versions": "1.0.0"},
        {"name": NAME, "versions": ">=0.9, <1.1"},
        {"name": NAME, "versions": "*"},
    ],
)
async def test_a_revoked_package_is_quarantined_and_never_installed_again(
    made: FakeHost, revoked: dict[str, str]
) -> None:
    await install(made, package_of())
    view = await made.host.revocations.add(reason="it steals", **revoked)

    assert view.quarantined == [NAME]
    await is_quarantined(made, "it steals")
    with pytest.raises(Revoked, match="the operator of the tenant 'default': it steals"):
        await made.host.call(NAME, "run", {})
    await made.host.uninstall(NAME)
    await refused(made, Revoked, package_of(), signature_of(package_of()))

    await made.host.revocations.remove(view.id)
    await install(made, package_of())


async def test_a_revoked_version_is_not_gone_back_to(made: FakeHost) -> None:
    newer = package_of(version="1.1.0")
    await install(made, package_of())
    await made.host.upgrade(newer, signature=signature_of(newer))
    view = await made.host.revocations.add(name=NAME, versions="1.0.0", reason="it steals")

    assert view.quarantined == []
    with pytest.raises(Revoked, match="it steals"):
        await made.host.rollback(NAME)


async def test_calls_that_run_end_when_their_plugin_is_revoked(tmp_path: Path) -> None:
    started, answers = asyncio.Event(), []

    async def hang(arguments: Mapping[str, Any], answer: Any) -> None:
        started.set()
        await asyncio.Event().wait()
        answers.append(await answer("context", "current", []))

    async with fake_host(tmp_path, {"run": hang}) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        await install(made, package_of())
        call = asyncio.create_task(made.host.call(NAME, "run", {}))
        await started.wait()
        listed = list_of(1, {"name": NAME, "versions": "1.0.0"}).signed(KEY)
        await made.host.revocations.receive("acme", listed)

        with pytest.raises(Revoked, match="its publisher 'acme', in list 1: it leaks"):
            await call
        assert answers == []
        assert call.cancelling() == 0


async def test_what_is_not_trusted_any_more_is_found_at_the_next_start(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"run": ask}) as made:
        await made.host.publishers.add("acme", ["*"], [str(KEY.public)])
        await install(made, package_of())
        async with made.parts.journal.change("default", "another host") as change:
            keys = TrustRepository(change.connection, "default")
            await keys.set_key_state(KEY.public.id, "revoked", "")

    async with fake_host(tmp_path, {"run": ask}) as made:
        await is_quarantined(made, "was revoked")


async def test_every_load_is_checked_and_no_call_after_it(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(made, package_of())
    loads: list[str] = []
    check = made.parts.trust.check_load

    async def counted(plugin: Any) -> None:
        loads.append(plugin.version)
        await check(plugin)

    monkeypatch.setattr(made.parts.trust, "check_load", counted)
    for _ in range(3):
        await made.host.call(NAME, "run", {})
    assert loads == ["1.0.0"]

    await made.host.publishers.add("beta", ["beta-*"])
    loads.clear()
    for _ in range(3):
        await made.host.call(NAME, "run", {})
    assert loads == ["1.0.0"]


async def test_tenants_trust_each_for_themselves(made: FakeHost) -> None:
    await made.host.tenants.create("other")
    package = package_of()
    with pytest.raises(SignatureInvalid, match="tenant 'other' has; it knows no key at all"):
        await install(made, package, tenant="other")

    await made.host.publishers.add("acme", ["*"], [str(KEY.public)], tenant="other")
    await install(made, package, tenant="other")
    await install(made, package)
    await made.host.revocations.add(name=NAME, versions="*", reason="no", tenant="other")
    assert (await made.host.plugin(NAME, tenant="other")).state == "quarantined"
    await made.host.call(NAME, "run", {})
