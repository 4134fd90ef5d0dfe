"""Answers that only who asked can have again.

What was answered is kept sealed. The key to it is made of the API key's token, which the host does
not have, so what is shown once (a new token, a webhook's secret) or what a function answered lies
in the database for nobody but who asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wardian.crypto.aead import NotAuthentic, SymmetricKey, context
from wardian.crypto.macs import hmac_sha256
from wardian.policy.secret import Secret
from wardian.storage.idempotency import RequestRow

_SEALED = "wardian answer 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that is to be carried out once.

    Attributes:
        key: what its sender calls it.
        request: a digest of what it asks for.
        token: of the API key that it came with.
    """

    tenant: str
    api_key_id: str
    key: str
    request: str
    token: Secret


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer that can be given again."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def seal_answer(asked: Asked, row: RequestRow, answer: KeptAnswer, bytes_max: int) -> bytes | None:
    """Seal an answer, bound to its row; None if it is larger than may be kept."""
    content = msgspec.msgpack.encode(answer)
    if len(content) > bytes_max:
        return None
    return _key(asked).seal(content, _bound_to(asked.tenant, row))


def open_answer(asked: Asked, row: RequestRow) -> KeptAnswer | None:
    """Open what `seal_answer` made; None if it was sealed for another token."""
    try:
        content = _key(asked).open(row.sealed or b"", _bound_to(asked.tenant, row))
    except NotAuthentic:
        return None
    return msgspec.msgpack.decode(content, type=KeptAnswer)


def _key(asked: Asked) -> SymmetricKey:
    # The token has the randomness; what is sealed under it is one answer, and bound to its row.
    material = hmac_sha256(asked.token.reveal().encode(), context(_SEALED, asked.key))
    return SymmetricKey(material)


def _bound_to(tenant: str, row: RequestRow) -> bytes:
    return context(_SEALED, tenant, row.api_key_id, row.mark, row.claim, row.request)
