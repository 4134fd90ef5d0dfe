"""A credential as it is stored: what is sealed of it, and what that is bound to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wardian.crypto.aead import NotAuthentic, SymmetricKey, context
from wardian.errors import InvalidArguments
from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.storage.vault import CredentialRow
from wardian.vault.held import Bound, Held, Kind

_SEALED = "wardian credential 1"
_BLOCK_BYTES = 64
"""What is sealed has a multiple of this length, which so says less about a password."""


def bound_to(tenant: str, row: CredentialRow) -> bytes:
    """Return what a credential's sealed part is bound to.

    Beside where it is stored, that is all that its use goes by: whoever can write rows cannot
    rename a credential, extend its time or have it sent to another place.
    """
    return context(
        _SEALED,
        tenant,
        row.owner,
        row.id,
        row.key_id,
        row.version,
        row.name,
        row.kind,
        _canonical(row.public),
        _canonical(row.bound),
        "" if row.expires_at is None else row.expires_at.isoformat(),
    )


def seal(
    key: SymmetricKey, tenant: str, row: CredentialRow, secrets: Mapping[str, Secret]
) -> bytes:
    """Seal a credential's secrets for the row that will hold them."""
    plain = {name: secret.reveal() for name, secret in secrets.items()}
    document = json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()
    padding = -len(document) % _BLOCK_BYTES
    return key.seal(document + b" " * padding, bound_to(tenant, row))


def open_row(key: SymmetricKey, tenant: str, row: CredentialRow) -> Held:
    """Open what a row holds.

    Raises:
        NotAuthentic: it is not what was sealed for this row as it is now.
    """
    plain = json.loads(key.open(row.sealed, bound_to(tenant, row)))
    return Held(
        id=row.id,
        tenant=tenant,
        owner=row.plugin_id,
        name=row.name,
        kind=Kind(row.kind),
        version=row.version,
        public=row.public,
        secrets={name: Secret(text) for name, text in plain.items()},
        bound=bound_of(row.bound),
        expires_at=row.expires_at,
    )


def bound_document(bound: Bound) -> dict[str, Any]:
    """Return where a credential may go as it is stored."""
    placement = None if bound.placement is None else dict(bound.placement)
    return {"origins": [str(origin) for origin in bound.origins], "placement": placement}


def bound_of(document: Mapping[str, Any]) -> Bound:
    """Read what `bound_document` made.

    Raises:
        NotAuthentic: it is none.
    """
    try:
        origins = tuple(parse_binding(text) for text in document["origins"])
    except (InvalidArguments, KeyError, TypeError):
        raise NotAuthentic from None
    return Bound(origins=origins, placement=document.get("placement"))


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
