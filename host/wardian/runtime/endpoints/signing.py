"""What an endpoint signs with: a new secret, and those before it until their time is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from wardian.crypto.webhook_signatures import new_secret
from wardian.errors import CredentialDamaged
from wardian.policy.secret import Secret
from wardian.storage import Connection, Database
from wardian.storage.endpoints import EndpointRepository
from wardian.storage.rows import EndpointRow
from wardian.vault import Vault
from wardian.vault.documents import ENDPOINT
from wardian.vault.vault import Sealed

SECRETS_MAX = 4
"""That an endpoint signs with at a time, however often they are replaced."""


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, and until when it signs; None until it is replaced."""

    secret: str
    until: datetime | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}([secret])"


def first_secret() -> tuple[SigningSecret, ...]:
    """Make what a new endpoint signs with."""
    return (SigningSecret(secret=new_secret()),)


def replaced(
    secrets: Sequence[SigningSecret], moment: datetime, overlap: timedelta
) -> tuple[SigningSecret, ...]:
    """Put a new secret before the others, of which those that hold still do so for ``overlap``."""
    until = moment + overlap
    older = [
        SigningSecret(secret=each.secret, until=min(until, each.until or until))
        for each in secrets
        if each.until is None or each.until > moment
    ]
    kept = [each for each in older if each.until is None or each.until > moment]
    return (*first_secret(), *kept[: SECRETS_MAX - 1])


def in_force(secrets: Sequence[SigningSecret], moment: datetime) -> list[Secret]:
    """Return the secrets that sign at a moment, the newest first."""
    return [Secret(each.secret) for each in secrets if each.until is None or each.until > moment]


class SigningSecrets:
    """The secrets of endpoints, sealed by the vault."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    @property
    def sealed(self) -> bool:
        """Whether nothing can be opened now."""
        return self._vault.state.sealed

    async def prepare(self, tenant: str) -> None:
        """See to it that `seal` can, before its transaction.

        Raises:
            VaultSealed: the vault is sealed.
        """
        await self._vault.prepare(tenant)

    async def seal(
        self,
        connection: Connection,
        tenant: str,
        endpoint_id: str,
        secrets: Sequence[SigningSecret],
    ) -> Sealed:
        """Seal what an endpoint signs with, in the transaction that stores it."""
        content = msgspec.json.encode(secrets)
        return await self._vault.seal_bytes(connection, tenant, ENDPOINT, endpoint_id, content)

    async def open(self, tenant: str, row: EndpointRow) -> tuple[SigningSecret, ...]:
        """Return what an endpoint signs with.

        Raises:
            VaultSealed: the vault is sealed.
            CredentialDamaged: what is stored is not what was sealed.
        """
        try:
            return await self._opened(tenant, row)
        except CredentialDamaged:
            # A rotation of data keys may have sealed it anew since the row was read.
            async with self._database.reading() as connection:
                found = await EndpointRepository(connection, tenant).find(row.id)
            if found is None or found.row.key_id == row.key_id:
                raise
            return await self._opened(tenant, found.row)

    async def _opened(self, tenant: str, row: EndpointRow) -> tuple[SigningSecret, ...]:
        sealed = Sealed(row.key_id, row.sealed)
        content = await self._vault.open_bytes(tenant, ENDPOINT, row.id, sealed)
        return msgspec.json.decode(content, type=tuple[SigningSecret, ...])
