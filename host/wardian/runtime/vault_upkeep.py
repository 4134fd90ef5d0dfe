"""The vault itself, as operators see and keep it: sealed or open, its keys, and new ones."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.runtime.whole import wholly
from wardian.storage import Database
from wardian.storage.tenants import TenantRepository
from wardian.storage.vault import DataKeyRow, VaultRepository
from wardian.tenants.tenants import require_tenant
from wardian.vault import Vault
from wardian.vault.rekeying import Rekeyed, Rekeying
from wardian.vault.rotation import Rotated, Rotation

TEND_SECONDS = 60.0

_log = logging.getLogger("wardian.vault")


class DataKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One of a tenant's data keys.

    Attributes:
        state: ``active`` seals and opens, ``retired`` only opens.
        root_key: the id of the root key that wraps it.
        sealings: how often it has encrypted.
    """

    number: int
    state: str
    root_key: str
    sealings: int
    created_at: datetime


class VaultView(msgspec.Struct, frozen=True, kw_only=True):
    """How the vault stands for a tenant.

    Attributes:
        reason: why it is sealed, and what to do; empty while it is open.
        root_key: the id of the root key that wraps data keys now; None while sealed.
        to_reseal: credentials that an older data key has sealed.
        to_rewrap: data keys that another root key wraps.
    """

    sealed: bool
    reason: str
    root_key: str | None
    credentials: int
    keys: list[DataKeyView]
    to_reseal: int
    to_rewrap: int


class VaultUpkeep:
    """Look at the vault, open it, and give it new keys."""

    def __init__(
        self, database: Database, vault: Vault, rotation: Rotation, rekeying: Rekeying
    ) -> None:
        self._database = database
        self._vault = vault
        self._rotation = rotation
        self._rekeying = rekeying

    async def show(self, *, tenant: str = "default") -> VaultView:
        """Tell how the vault stands for a tenant.

        Raises:
            NotFound: no such tenant.
        """
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            repository = VaultRepository(connection, tenant)
            keys = await repository.keys()
            credentials = await repository.count()
            active = await repository.active_key()
            to_reseal = 0 if active is None else await repository.count(except_key=active.id)
        state = self._vault.state
        return VaultView(
            sealed=state.sealed,
            reason=state.reason,
            root_key=state.root_key,
            credentials=credentials,
            keys=[_key_view(key) for key in keys],
            to_reseal=to_reseal,
            to_rewrap=sum(key.root_key != state.root_key for key in keys),
        )

    async def open(self, *, tenant: str = "default") -> VaultView:
        """Try to open the vault with the root key as it is now; one that is open stays so."""
        if self._vault.state.sealed:
            await self._vault.open()
        return await self.show(tenant=tenant)

    @wholly
    async def rotate(self, *, tenant: str = "default", actor: str = "host") -> Rotated:
        """Make a new data key for a tenant, and seal everything that it keeps with it.

        Credentials can be used and set meanwhile. If this was cut short before, that is ended.

        Raises:
            VaultSealed: the vault is sealed, or its root key cannot be reached.
            NotFound: no such tenant.
        """
        return await self._rotation.rotate(tenant, actor=actor)

    @wholly
    async def rekey(self, *, actor: str = "host") -> Rekeyed:
        """Wrap the data keys of all tenants under a new root key.

        That is the one that the settings name now, or where it is in a file a new one, which the
        host makes. Credentials can be used and set meanwhile.

        Raises:
            VaultSealed: the vault is sealed, or a root key cannot be reached.
            Conflict: there is no new root key, and it is not the host's to make.
        """
        return await self._rekeying.rekey(actor=actor)

    async def resume(self) -> None:
        """End what was cut short; what cannot be ended now is told in the log, and can wait."""
        if self._vault.state.sealed:
            _log.error("The vault is sealed: %s", self._vault.state.reason)
            return
        try:
            await self._rekeying.resume()
            async with self._database.reading() as connection:
                tenants = await TenantRepository(connection).all()
            for tenant, _created in tenants:
                await self._rotation.resume(tenant)
        except WardianError as error:
            _log.warning("A change of the vault's keys is not ended yet: %s", error)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Tend to the vault every `TEND_SECONDS` while this is open, and once more at its end."""
        async with flushed(self.tend, seconds=TEND_SECONDS, name="wardian-vault"):
            yield

    async def tend(self) -> None:
        """Write down when credentials were used last, and try to open a vault that is sealed.

        Because: a root key that could not be reached at the start may be there by now.
        """
        try:
            await self._vault.flush()
            if self._vault.state.sealed and not (await self._vault.open()).sealed:
                _log.info("The vault is open.")
                await self.resume()
        except WardianError as error:
            _log.warning("The vault could not be tended to: %s", error)


def _key_view(key: DataKeyRow) -> DataKeyView:
    return DataKeyView(
        number=key.number,
        state=key.state,
        root_key=key.root_key,
        sealings=key.sealings,
        created_at=key.created_at,
    )
