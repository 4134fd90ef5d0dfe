"""What a flow is made with, and what of it lies sealed between its steps."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.oauth import Server
from wardian.plugins import Registry
from wardian.runtime.journal import Journal
from wardian.runtime.oauth.addresses import Addresses
from wardian.runtime.oauth.clients import Clients, Exchanges
from wardian.runtime.oauth.tokens import TokenStore
from wardian.storage import Connection, Database
from wardian.storage.oauth import FlowRow
from wardian.vault import Sealed, Vault

OVER = "This address was used already, is older than ten minutes, or never was one. Start anew."

_PURPOSE = "oauth flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParts:
    """What flows are made with."""

    database: Database
    registry: Registry
    journal: Journal
    vault: Vault
    clients: Clients
    exchanges: Exchanges
    tokens: TokenStore
    addresses: Addresses


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What of a flow is sealed: none of it may be read or changed in the database.

    Attributes:
        client, client_version: if the client has changed since, its secret may be another server's.
    """

    plugin: str
    verifier: str
    client: str
    client_version: int
    client_id: str
    server: Server
    origins: tuple[str, ...]
    accept_fewer: bool


async def seal_document(
    vault: Vault, connection: Connection, tenant: str, flow_id: str, document: Document
) -> Sealed:
    """Seal what belongs to a flow."""
    content = msgspec.json.encode(document)
    return await vault.seal_bytes(connection, tenant, _PURPOSE, flow_id, content)


async def open_document(vault: Vault, row: FlowRow) -> Document:
    """Open what belongs to a flow.

    Raises:
        CredentialDamaged: somebody else has written there.
    """
    sealed = Sealed(row.key_id, row.sealed)
    content = await vault.open_bytes(row.tenant, _PURPOSE, row.id, sealed)
    return msgspec.json.decode(content, type=Document)


def digest_of(what: str, secret: str) -> str:
    """Return what is stored of a ticket, a state, or what only a browser knows.

    Told apart by ``what``, so that a ticket is never taken for a state.
    """
    return sha256_hex(f"wardian oauth {what} {secret}".encode())
