"""Data keys: one that seals for each tenant, and those before it, which still open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice

import msgspec

from wardian.crypto.aead import NotAuthentic, SymmetricKey, context
from wardian.crypto.identifiers import new_id
from wardian.errors import VaultSealed
from wardian.storage import Connection, Database
from wardian.storage.rows import now
from wardian.storage.vault import ACTIVE, DataKeyRow, VaultRepository, all_keys
from wardian.vault.roots import RootKey, RootKeys, RootKeySource

SEALINGS_MAX = 2**31
"""What a data key seals before another takes its place: half of what its nonces allow."""

_PROVEN_ROWS = 8
_WRAPPED = "wardian data key 1"
_NOT_OPENED = "The vault has not been opened yet."


class VaultState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the vault is sealed, and why.

    Attributes:
        root_key: the id of the root key that wraps data keys now; None while sealed.
        reason: why it is sealed, and what to do; empty while it is open.
    """

    sealed: bool
    root_key: str | None = None
    reason: str = ""


class Keyring:
    """The data keys of every tenant. Unwrapped ones are in memory and nowhere else."""

    def __init__(self, database: Database, source: RootKeySource) -> None:
        self._database = database
        self._source = source
        self._roots: RootKeys | None = None
        self._reason = _NOT_OPENED
        self._keys: dict[tuple[str, str], SymmetricKey] = {}

    @property
    def state(self) -> VaultState:
        """Whether the vault is sealed."""
        if self._roots is None:
            return VaultState(sealed=True, reason=self._reason)
        return VaultState(sealed=False, root_key=self._roots.current.id)

    @property
    def roots(self) -> RootKeys:
        """The root keys.

        Raises:
            VaultSealed: there are none that can be used.
        """
        if self._roots is None:
            raise VaultSealed(self._reason)
        return self._roots

    async def open(self) -> VaultState:
        """Get the root keys and see whether they open what is stored; nothing is changed."""
        try:
            await self.reload()
        except VaultSealed as error:
            self._roots, self._reason = None, error.message
            self._keys.clear()
        return self.state

    async def reload(self) -> RootKeys:
        """Get the root keys anew; those that were at hand stay if it fails.

        Raises:
            VaultSealed: they cannot be had, or do not open what is stored.
        """
        async with self._database.reading() as connection:
            rows = await all_keys(connection)
        roots = RootKeys(tuple(await self._source.load(is_empty=not rows)))
        await _prove(roots, rows)
        self._roots = roots
        return roots

    def renew(self) -> None:
        """Have the source make a new root key; `reload` takes it.

        Raises:
            Conflict: that is not for this host to do; says whose it is, and how.
        """
        self._source.renew()

    def retire(self) -> None:
        """Have the source put aside every root key but the one that wraps now."""
        self._source.retire(self.roots.current.id)

    async def opening(self, tenant: str, row: DataKeyRow) -> SymmetricKey:
        """Return a data key to open with.

        Raises:
            VaultSealed: no root key opens it, or that cannot be reached.
            NotAuthentic: the row is damaged.
        """
        roots = self.roots
        known = self._keys.get((tenant, row.id))
        if known is None:
            root = roots.that_opens(row.root_key)
            known = await root.unwrap(row.wrapped, bound_to(tenant, row.id))
            self._keys[tenant, row.id] = known
        return known

    async def prepare(self, tenant: str, *, anew: bool = False) -> DataKeyRow:
        """See to it that a tenant has a data key that may seal, and return it.

        Whoever is about to seal calls this before the transaction, because a root key may be on
        another machine. With ``anew`` there is another key in any case.

        Raises:
            VaultSealed: the root key cannot be reached or used.
            NotFound: there is no such tenant.
        """
        async with self._database.reading() as connection:
            before = await VaultRepository(connection, tenant).active_key()
        if before is not None and not anew and before.sealings < SEALINGS_MAX:
            return before
        made = None
        while made is None:
            made = await self._made(tenant, self.roots.current, before)
        return made

    async def _made(
        self, tenant: str, root: RootKey, before: DataKeyRow | None
    ) -> DataKeyRow | None:
        """Make a data key, unless somebody else has; None if the root key is not current now."""
        key, key_id, moment = SymmetricKey.generate(), new_id(), now()
        wrapped = await root.wrap(key, bound_to(tenant, key_id))
        async with self._database.transaction() as connection:
            repository = VaultRepository(connection, tenant)
            await repository.lock()
            active = await repository.active_key()
            if active is not None and (before is None or active.id != before.id):
                return active
            if root.id != self.roots.current.id:
                return None  # because whoever re-wraps has looked at this tenant already
            row = DataKeyRow(
                id=key_id,
                number=1 if active is None else active.number + 1,
                state=ACTIVE,
                root_key=root.id,
                wrapped=wrapped,
                sealings=0,
                created_at=moment,
                changed_at=moment,
            )
            await repository.add_key(row)
        self._keys[tenant, key_id] = key
        return row

    async def sealing(
        self, connection: Connection, tenant: str, sealings: int = 1
    ) -> tuple[str, SymmetricKey]:
        """Return the id of the key that seals now and the key; count the sealings with it.

        No other transaction gets or makes one until this one ends.

        Raises:
            VaultSealed: there is no key that may seal (see `prepare`), or none that opens it.
            NotAuthentic: its row is damaged.
            NotFound: there is no such tenant.
        """
        repository = VaultRepository(connection, tenant)
        await repository.lock()
        row = await repository.active_key()
        if row is None:
            raise VaultSealed("The tenant has no data key yet.")
        key = await self.opening(tenant, row)
        await repository.count_sealings(row.id, sealings)
        return row.id, key

    def forget(self, tenant: str, kept: Sequence[DataKeyRow]) -> None:
        """Drop a tenant's keys from memory, except those that are ``kept``."""
        ids = {row.id for row in kept}
        for known in [each for each in self._keys if each[0] == tenant and each[1] not in ids]:
            del self._keys[known]


def bound_to(tenant: str, key_id: str) -> bytes:
    """Return what a wrapped data key is bound to."""
    return context(_WRAPPED, tenant, key_id)


async def _prove(roots: RootKeys, rows: Sequence[tuple[str, DataKeyRow]]) -> None:
    """See that the root keys open what is stored, of each a few: one may be damaged."""
    ordered = sorted(rows, key=lambda each: each[1].root_key)
    for root_key, group in groupby(ordered, key=lambda each: each[1].root_key):
        root = roots.that_opens(root_key)
        if root.is_known_by_id:
            continue
        for tenant, row in islice(group, _PROVEN_ROWS):
            try:
                await root.unwrap(row.wrapped, bound_to(tenant, row.id))
            except NotAuthentic:
                continue
            break
        else:
            raise VaultSealed(
                f"The root key {root_key} does not open the data keys that name it: they are "
                "damaged, or it is another key of the same name. Nothing was changed."
            )
