"""Credentials read by plugins: what is handed over of each kind, and the record of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from wardian.errors import InvalidArguments
from wardian.policy.secret import Secret
from wardian.storage import Database
from wardian.storage.audit import AuditRepository
from wardian.storage.rows import AuditRow, now
from wardian.vault.held import Held, Kind

REVEALED: Mapping[Kind, tuple[str, ...]] = {
    Kind.OPAQUE: ("value",),
    Kind.BASIC: ("username", "password"),
    Kind.BEARER: ("token",),
    Kind.HMAC_KEY: ("key",),
    Kind.AWS: ("access_key_id", "secret_access_key", "session_token"),
    Kind.PRIVATE_KEY: ("pem",),
    Kind.OAUTH2_CLIENT: ("client_id", "client_secret"),
    Kind.OAUTH2_TOKEN: ("access_token",),
}
"""What is handed over: one field as it is, several as the JSON text of an object.

Never a refresh token: it is worth every token to come, and the host alone refreshes."""


def revealed(held: Held) -> tuple[str, tuple[Secret, ...]]:
    """Return what is handed over of a credential, and the secrets in it.

    Raises:
        InvalidArguments: it has no secret.
    """
    names = REVEALED[held.kind]
    secrets = tuple(held.secrets[name] for name in names if name in held.secrets)
    if not secrets:
        raise InvalidArguments(f"The credential {held.name!r} has no secret.")
    if len(names) == 1:
        return secrets[0].reveal(), secrets
    fields = {name: held.public[name] for name in names if name in held.public}
    fields |= {name: held.secrets[name].reveal() for name in names if name in held.secrets}
    return json.dumps(fields), secrets


async def note_revealed(
    database: Database, held: Held, *, plugin: str, version: str, call_id: str
) -> None:
    """Write into the audit trail that a plugin reads a credential; before it does.

    Raises:
        WardianError: it could not be written.
    """
    entry = AuditRow(
        tenant=held.tenant,
        time=now(),
        actor=f"plugin:{plugin}",
        action="credential.revealed",
        subject=held.name,
        detail={"plugin": plugin, "version": version, "call_id": call_id},
    )
    async with database.transaction() as connection:
        await AuditRepository(connection, held.tenant).add(entry)
