"""A new root key: every data key is wrapped anew while the vault is in use."""

from __future__ import annotations

import asyncio

import msgspec

from wardian.crypto.aead import NotAuthentic
from wardian.storage import Database
from wardian.storage.tenants import TenantRepository
from wardian.storage.vault import DataKeyRow, VaultRepository
from wardian.vault.keyring import Keyring, bound_to
from wardian.vault.ports import Journal, Reached

CHANGE = "vault-rekey"


class Rekeyed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the root key did.

    Attributes:
        root_key: the id of the root key that wraps every data key now.
        rewrapped: data keys, of all tenants.
        damaged: tenants with a data key that no root key opens; it stays as it is.
        resumed: whether this ended one that was cut short, or took a key that was given already.
    """

    root_key: str
    rewrapped: int
    damaged: list[str]
    resumed: bool


class Rekeying:
    """Wraps the data keys of all tenants under a new root key.

    Each data key is a transaction, and root keys are put aside last: whatever happens in between,
    every data key is wrapped by a root key that is at hand. What is left is done by `resume`, or by
    the next `rekey`.
    """

    def __init__(
        self, database: Database, keyring: Keyring, journal: Journal, reached: Reached
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._journal = journal
        self._reached = reached
        self._turn = asyncio.Lock()

    async def rekey(self, *, actor: str = "host") -> Rekeyed:
        """Take the new root key that the settings name, or make one where it is in a file.

        Raises:
            VaultSealed: the vault is sealed, or a root key cannot be reached.
            Conflict: there is no new root key to take, and it is not this host's to make.
        """
        async with self._turn:
            _ = self._keyring.roots
            await self._keyring.reload()
            ended = await self._ended(actor)
            if ended is not None and ended.rewrapped:
                return ended
            self._reached(CHANGE, "root-key")
            self._keyring.renew()
            await self._keyring.reload()
            return await self._rewrap_all(actor, resumed=False)

    async def resume(self) -> None:
        """End a change of the root key that was cut short, if there is one.

        Raises:
            VaultSealed: the vault is sealed, or a root key cannot be reached.
        """
        async with self._turn:
            await self._ended("host")

    async def _ended(self, actor: str) -> Rekeyed | None:
        if len(self._keyring.roots.keys) > 1 or await self.pending():
            return await self._rewrap_all(actor, resumed=True)
        return None

    async def pending(self) -> list[tuple[str, DataKeyRow]]:
        """Return the data keys that the current root key does not wrap, each with its tenant.

        Raises:
            VaultSealed: the vault is sealed.
        """
        current = self._keyring.roots.current
        found: list[tuple[str, DataKeyRow]] = []
        async with self._database.reading() as connection:
            tenants = await TenantRepository(connection).all()
        for tenant, _created in tenants:
            # As a writer, because one who is making a data key now is to be waited for.
            async with self._database.transaction() as connection:
                repository = VaultRepository(connection, tenant)
                await repository.lock()
                keys = await repository.keys()
            found += [(tenant, key) for key in keys if key.root_key != current.id]
        return found

    async def _rewrap_all(self, actor: str, *, resumed: bool) -> Rekeyed:
        damaged: set[str] = set()
        rewrapped = 0
        for tenant, row in await self.pending():
            self._reached(CHANGE, "wrap")
            if await self._rewrap(tenant, row, actor):
                rewrapped += 1
            else:
                damaged.add(tenant)
        done = Rekeyed(
            root_key=self._keyring.roots.current.id,
            rewrapped=rewrapped,
            damaged=sorted(damaged),
            resumed=resumed,
        )
        if not damaged:
            self._reached(CHANGE, "retire")
            self._keyring.retire()
            await self._keyring.reload()
        return done

    async def _rewrap(self, tenant: str, row: DataKeyRow, actor: str) -> bool:
        roots = self._keyring.roots
        try:
            key = await roots.that_opens(row.root_key).unwrap(row.wrapped, bound_to(tenant, row.id))
        except NotAuthentic:
            return False
        wrapped = await roots.current.wrap(key, bound_to(tenant, row.id))
        async with self._journal.change(tenant, actor) as change:
            repository = VaultRepository(change.connection, tenant)
            if await repository.rewrap(row, roots.current.id, wrapped):
                detail = {"root_key": roots.current.id, "before": row.root_key}
                await change.note_vault("vault.rekeyed", f"data key {row.number}", detail)
        return True
