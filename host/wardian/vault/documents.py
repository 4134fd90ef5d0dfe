"""Small documents that other services keep sealed, and what they are bound to."""

from __future__ import annotations

from wardian.crypto.aead import NotAuthentic, SymmetricKey, context
from wardian.storage import Connection
from wardian.storage.endpoints import EndpointRepository
from wardian.storage.rows import EndpointRow
from wardian.storage.vault import VaultRepository
from wardian.vault.keyring import Keyring

ENDPOINT = "webhook endpoint"
"""What is sealed with this purpose lasts, so a rotation of data keys seals it anew."""

_DOCUMENT = "wardian document 1"


def bound_to(tenant: str, purpose: str, document_id: str, key_id: str) -> bytes:
    """Return what a document is bound to."""
    return context(_DOCUMENT, purpose, tenant, document_id, key_id)


async def reseal_endpoints(connection: Connection, keyring: Keyring, tenant: str) -> list[str]:
    """Seal what endpoints sign with anew, with the key that seals now; a tenant has few.

    Returns:
        The ids of those that could not be opened; they keep their old key.

    Raises:
        VaultSealed: the vault is sealed.
    """
    key_id, key = await keyring.sealing(connection, tenant, 0)
    repository, vault = EndpointRepository(connection, tenant), VaultRepository(connection, tenant)
    damaged = []
    for row in await repository.not_sealed_with(key_id):
        old = await vault.key(row.key_id)
        try:
            if old is None:
                raise NotAuthentic
            opener = await keyring.opening(tenant, old)
            sealed = _resealed(tenant, row, opener, key_id, key)
        except NotAuthentic:
            damaged.append(row.id)
            continue
        await vault.count_sealings(key_id)
        await repository.reseal(row, key_id, sealed)
    return damaged


def _resealed(
    tenant: str, row: EndpointRow, opener: SymmetricKey, key_id: str, key: SymmetricKey
) -> bytes:
    content = opener.open(row.sealed, bound_to(tenant, ENDPOINT, row.id, row.key_id))
    return key.seal(content, bound_to(tenant, ENDPOINT, row.id, key_id))
