"""New data keys: everything a tenant keeps is sealed anew while it is in use."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace

import msgspec

from wardian.crypto.aead import NotAuthentic
from wardian.storage import Database
from wardian.storage.vault import Kept, VaultRepository
from wardian.vault.documents import reseal_endpoints
from wardian.vault.keyring import Keyring
from wardian.vault.ports import Journal, Reached
from wardian.vault.sealing import open_row, seal

BATCH = 100
"""Credentials that one transaction seals anew."""

CHANGE = "vault-rotate"


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did.

    Attributes:
        key: the number of the data key that seals now.
        resealed: credentials that it has sealed anew.
        dropped: old data keys that nothing is sealed with any more.
        damaged: the names of credentials, and the ids of endpoints, that could not be opened; they
            keep their old key.
        resumed: whether this ended a rotation that was cut short before.
    """

    key: int
    resealed: int
    dropped: int
    damaged: list[str]
    resumed: bool


@dataclass(slots=True)
class _Tally:
    resealed: int = 0
    damaged: list[str] = field(default_factory=list)


class Rotation:
    """Rotates the data keys of tenants, one rotation of a tenant at a time.

    Each batch is a transaction: whatever happens in between, every credential is sealed with a
    key that is kept, and what is left is done by `resume` or the next `rotate`.
    """

    def __init__(
        self, database: Database, keyring: Keyring, journal: Journal, reached: Reached
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._journal = journal
        self._reached = reached
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def rotate(self, tenant: str, *, actor: str = "host") -> Rotated:
        """Make a new data key and seal everything with it; or end a rotation that was cut short.

        Raises:
            VaultSealed: the vault is sealed, or its root key cannot be reached.
            NotFound: there is no such tenant.
        """
        async with self._turns[tenant]:
            tally = _Tally()
            with suppress(NotAuthentic):  # the key that seals is damaged: another takes its place
                tally = await self._reseal(tenant)
            resumed = tally.resealed > 0
            if not resumed:
                self._reached(CHANGE, "key")
                await self._keyring.prepare(tenant, anew=True)
                tally = await self._reseal(tenant)
            return await self._end(tenant, actor, tally, resumed=resumed)

    async def resume(self, tenant: str) -> None:
        """End a rotation that was cut short, if there is one.

        Raises:
            VaultSealed: the vault is sealed, or its root key cannot be reached.
        """
        async with self._turns[tenant]:
            async with self._database.reading() as connection:
                keys = await VaultRepository(connection, tenant).keys()
            if len(keys) > 1:
                with suppress(NotAuthentic):  # the key that seals is damaged: `rotate` helps
                    tally = await self._reseal(tenant)
                    await self._end(tenant, "host", tally, resumed=True)

    async def _reseal(self, tenant: str) -> _Tally:
        tally = _Tally()
        await self._keyring.prepare(tenant)
        await self._unwrap_all(tenant)
        after: str | None = ""
        while after is not None:
            self._reached(CHANGE, "batch")
            after = await self._batch(tenant, after, tally)
        async with self._database.transaction() as connection:
            damaged = await reseal_endpoints(connection, self._keyring, tenant)
        tally.damaged += [f"endpoint {endpoint_id}" for endpoint_id in damaged]
        return tally

    async def _unwrap_all(self, tenant: str) -> None:
        """Have every key in memory before a transaction needs it."""
        async with self._database.reading() as connection:
            keys = await VaultRepository(connection, tenant).keys()
        for key in keys:
            with suppress(NotAuthentic):
                await self._keyring.opening(tenant, key)

    async def _batch(self, tenant: str, after: str, tally: _Tally) -> str | None:
        """Seal the next few anew; return the id of the last, None if there are no more."""
        async with self._database.transaction() as connection:
            repository = VaultRepository(connection, tenant)
            key_id, key = await self._keyring.sealing(connection, tenant, 0)
            found = await repository.not_sealed_with(key_id, after, BATCH)
            await repository.count_sealings(key_id, len(found))
            damaged: list[str] = []
            for kept in found:
                try:
                    held = open_row(await self._keyring.opening(tenant, kept.key), tenant, kept.row)
                except NotAuthentic:
                    damaged.append(_named(kept))
                    continue
                sealed = seal(key, tenant, replace(kept.row, key_id=key_id), held.secrets)
                await repository.reseal(kept.row, key_id, sealed)
        tally.damaged += damaged
        tally.resealed += len(found) - len(damaged)
        return found[-1].row.id if len(found) == BATCH else None

    async def _end(self, tenant: str, actor: str, tally: _Tally, *, resumed: bool) -> Rotated:
        self._reached(CHANGE, "drop")
        async with self._journal.change(tenant, actor) as change:
            repository = VaultRepository(change.connection, tenant)
            await repository.lock()
            dropped = await repository.drop_unused_keys()
            keys = await repository.keys()
            done = Rotated(
                key=keys[-1].number,
                resealed=tally.resealed,
                dropped=dropped,
                damaged=sorted(tally.damaged),
                resumed=resumed,
            )
            if not resumed or tally.resealed or dropped:
                detail = msgspec.to_builtins(done)
                await change.note_vault("vault.rotated", f"data key {done.key}", detail)
        self._keyring.forget(tenant, keys)
        return done


def _named(kept: Kept) -> str:
    return kept.row.name if kept.plugin is None else f"{kept.row.name} of {kept.plugin}"
