"""Publishers and their keys: whom an operator lets sign what."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wardian.crypto.keys import PublicKey
from wardian.errors import Conflict, InvalidArguments, NotFound, SignatureInvalid
from wardian.plugins.judgement import KeyState
from wardian.plugins.publishers import KEYS_MAX, check_publisher, check_reason
from wardian.plugins.statements import KeyRotation, Signed, read_signed
from wardian.plugins.trust import read_trust
from wardian.runtime.journal import Change, Journal
from wardian.runtime.recall import Recall
from wardian.runtime.trust_views import PublisherView, publisher_view
from wardian.runtime.whole import wholly
from wardian.storage import Connection, Database
from wardian.storage.rows import PublisherKeyRow, PublisherRow, now
from wardian.storage.trust import TrustRepository
from wardian.tenants.tenants import require_tenant


class Publishers:
    """The publishers of every tenant."""

    def __init__(self, database: Database, journal: Journal, recall: Recall) -> None:
        self._database = database
        self._journal = journal
        self._recall = recall

    async def list(self, *, tenant: str = "default") -> Sequence[PublisherView]:
        """Return a tenant's publishers, by name."""
        async with self._database.reading() as connection:
            return await _views(connection, tenant)

    async def show(self, name: str, *, tenant: str = "default") -> PublisherView:
        """Return one publisher.

        Raises:
            NotFound: the tenant has none of this name.
        """
        async with self._database.reading() as connection:
            return await read_publisher(connection, tenant, name)

    async def add(
        self,
        name: str,
        plugins: Sequence[str],
        keys: Sequence[str] = (),
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> PublisherView:
        """Let a publisher sign plugins of these names, with these keys.

        Raises:
            InvalidArguments: a name, a pattern or a key that is none.
            Conflict: there is one of this name; another publisher has the key, or had it when it
                was revoked.
            NotFound: there is no such tenant.
        """
        check_publisher(name, plugins)
        parsed = [PublicKey.parse(key) for key in keys]
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            row = PublisherRow(
                name=name, plugins=tuple(plugins), created_at=now(), created_by=actor
            )
            await TrustRepository(change.connection, tenant).add_publisher(row)
            await change.note_trust("publisher-added", name, {"plugins": list(plugins)})
            for key in parsed:
                await _add_key(change, name, key)
            return await read_publisher(change.connection, tenant, name)

    @wholly
    async def remove(
        self, name: str, *, tenant: str = "default", actor: str = "host"
    ) -> Sequence[str]:
        """Trust a publisher no more; return the plugins that were quarantined for it.

        Which of its keys were revoked, and its list of revocations, hold if it is added again.

        Raises:
            NotFound: the tenant has none of this name.
        """
        async with self._journal.change(tenant, actor) as change:
            repository = TrustRepository(change.connection, tenant)
            if not await repository.remove_publisher(name, remember=KeyState.REVOKED.value):
                raise _no_publisher(name)
            await change.note_trust("publisher-removed", name, {})
        return await self._recall.sweep(tenant)

    async def add_key(
        self, name: str, public_key: str, *, tenant: str = "default", actor: str = "host"
    ) -> PublisherView:
        """Let a publisher sign with another key.

        Raises:
            NotFound: the tenant has no publisher of this name.
            InvalidArguments: it is no key, or one too many.
            Conflict: the key is known already.
        """
        key = PublicKey.parse(public_key)
        async with self._journal.change(tenant, actor) as change:
            await read_publisher(change.connection, tenant, name)
            await _add_key(change, name, key)
            return await read_publisher(change.connection, tenant, name)

    async def retire_key(
        self,
        name: str,
        key_id: str,
        reason: str = "",
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> PublisherView:
        """Take nothing new that is signed with a key; what is installed goes on.

        Raises:
            NotFound: the publisher has no such key.
            Conflict: it is not active.
        """
        return await self._move(name, key_id, KeyState.RETIRED, reason, tenant=tenant, actor=actor)

    @wholly
    async def revoke_key(
        self,
        name: str,
        key_id: str,
        reason: str,
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> PublisherView:
        """Run nothing that is signed with a key, for ever; plugins that are get quarantined.

        Raises:
            NotFound: the publisher has no such key.
            Conflict: it is revoked already.
            InvalidArguments: no reason is given.
        """
        check_reason(reason, required=True)
        view = await self._move(name, key_id, KeyState.REVOKED, reason, tenant=tenant, actor=actor)
        return msgspec.structs.replace(view, quarantined=await self._recall.sweep(tenant))

    async def rotate(
        self, name: str, statement: bytes, *, tenant: str = "default", actor: str = "host"
    ) -> PublisherView:
        """Take a publisher's next key, for which its key before vouches; that one is retired.

        Raises:
            NotFound: the tenant has no publisher of this name.
            SignatureInvalid: the statement is not by an active key of the publisher and by the
                new key itself.
            Conflict: the new key is known already.
        """
        signed = read_signed(statement, KeyRotation)
        new = PublicKey.parse(signed.statement.public_key)
        async with self._journal.change(tenant, actor) as change:
            await read_publisher(change.connection, tenant, name)
            await _check_rotation(change.connection, tenant, name, signed)
            await _add_key(change, name, new)
            old = signed.statement.successor_of
            await _set_state(change, name, old, KeyState.RETIRED, f"succeeded by {new.id}")
            return await read_publisher(change.connection, tenant, name)

    async def _move(
        self, name: str, key_id: str, to: KeyState, reason: str, *, tenant: str, actor: str
    ) -> PublisherView:
        check_reason(reason)
        async with self._journal.change(tenant, actor) as change:
            view = await read_publisher(change.connection, tenant, name)
            key = next((key for key in view.keys if key.id == key_id), None)
            if key is None:
                listed = ", ".join(key.id for key in view.keys) or "none"
                raise NotFound(f"{name!r} has no key {key_id[:64]!r}; it has {listed}.")
            if key.state not in _BEFORE[to]:
                raise Conflict(f"The key {key.id} of {name!r} is {key.state} already.")
            await _set_state(change, name, key.id, to, reason)
            return await read_publisher(change.connection, tenant, name)


_BEFORE = {
    KeyState.RETIRED: (KeyState.ACTIVE,),
    KeyState.REVOKED: (KeyState.ACTIVE, KeyState.RETIRED),
}


async def read_publisher(connection: Connection, tenant: str, name: str) -> PublisherView:
    """Return a publisher as this transaction sees it.

    Raises:
        NotFound: the tenant has none of this name.
    """
    for view in await _views(connection, tenant):
        if view.name == name:
            return view
    raise _no_publisher(name)


async def revoke_keys(change: Change, name: str, reasons: dict[str, str]) -> None:
    """Revoke those keys of a publisher that are not revoked yet, as part of ``change``."""
    view = await read_publisher(change.connection, change.tenant, name)
    for key in view.keys:
        if key.id in reasons and key.state != KeyState.REVOKED:
            await _set_state(change, name, key.id, KeyState.REVOKED, reasons[key.id])


async def _views(connection: Connection, tenant: str) -> list[PublisherView]:
    repository = TrustRepository(connection, tenant)
    rows, keys = await repository.publishers(), await repository.keys()
    lists = {row.publisher: row for row in await repository.lists()}
    return [publisher_view(row, keys, lists.get(row.name)) for row in rows]


async def _add_key(change: Change, name: str, key: PublicKey) -> None:
    repository = TrustRepository(change.connection, change.tenant)
    known = await repository.keys()
    if sum(row.publisher == name for row in known) >= KEYS_MAX:
        raise InvalidArguments(f"A publisher has at most {KEYS_MAX} keys.", path="keys")
    for row in known:
        if row.key_id == key.id and row.state == KeyState.REVOKED:
            raise Conflict(
                f"The key {key.id} is known in this tenant already: it is of {row.publisher!r} and "
                f"was revoked ({row.reason}), which holds for ever. Add another."
            )
    added = now()
    row = PublisherKeyRow(
        key_id=key.id,
        publisher=name,
        public_key=str(key),
        state=KeyState.ACTIVE.value,
        reason="",
        added_at=added,
        added_by=change.actor,
        changed_at=added,
    )
    await repository.add_key(row)
    await change.note_trust("key-added", name, {"key_id": key.id, "public_key": str(key)})


async def _set_state(change: Change, name: str, key_id: str, state: KeyState, reason: str) -> None:
    repository = TrustRepository(change.connection, change.tenant)
    await repository.set_key_state(key_id, state.value, reason)
    await change.note_trust(f"key-{state}", name, {"key_id": key_id, "reason": reason})


async def _check_rotation(
    connection: Connection, tenant: str, name: str, signed: Signed[KeyRotation]
) -> None:
    statement, envelope = signed
    trust = await read_trust(connection, tenant)
    old = trust.keys.get(statement.successor_of)
    if old is None or old.publisher != name:
        known = ", ".join(key.id for key in trust.keys.values() if key.publisher == name)
        raise SignatureInvalid(
            f"The statement names a successor of the key {statement.successor_of}, which {name!r} "
            f"does not have here; it has {known or 'none'}."
        )
    if old.state is not KeyState.ACTIVE:
        raise SignatureInvalid(
            f"The statement is by the key {old.id} of {name!r}, which is {old.state}; only an "
            "active key names its successor."
        )
    new = PublicKey.parse(statement.public_key)
    for key, what in ((old.public, "the key before"), (new, "the new key")):
        if not envelope.is_signed_by(key):
            raise SignatureInvalid(
                f"The statement is not signed by {what}, {key.id}: a rotation takes the signature "
                "of both."
            )


def _no_publisher(name: str) -> NotFound:
    return NotFound(f"There is no publisher named {name[:80]!r} in this tenant.")
