"""The first tenant and its first key."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from wardian.crypto.tokens import is_guessable, is_token
from wardian.errors import HostUnusable
from wardian.storage.rows import now
from wardian.storage.tenants import (
    KeyRepository,
    TenantRepository,
    any_key,
    scopes_in_force,
)
from wardian.tenants.making import make_key, note_key
from wardian.tenants.ports import Journal
from wardian.tenants.scopes import Scope
from wardian.tenants.terms import KeyTerms, expiry_of

FIRST_KEY_NAME = "bootstrap"

_log = logging.getLogger("wardian.tenants")


async def bootstrap(
    journal: Journal,
    *,
    tenant: str,
    chosen_key: str | None = None,
    exposed: bool = True,
    life_max: timedelta | None = None,
) -> str | None:
    """See to it that ``tenant`` exists, and that it has a key that administers this host.

    A host without any key gets one: ``chosen_key`` if the operator set it, a new one otherwise.
    Once there was a key, the chosen one has no effect. A new one is made again only when the last
    administrator's has expired: whoever can start the host can let itself in, and nobody else can.
    It holds for ``life_max``, if keys may not hold for longer.

    Returns:
        The token of a key made here, to be shown once; None if none was made, or if the operator
        chose it and so knows it.

    Raises:
        HostUnusable: ``chosen_key`` has not the form of a key, or could be guessed by those who
            can reach this host (``exposed``).
    """
    if chosen_key is not None:
        _check(chosen_key, exposed)
    async with journal.change(tenant, "host") as change:
        tenants = TenantRepository(change.connection)
        await tenants.hold()
        if not await tenants.exists(tenant):
            await tenants.add(tenant)
        if await any_key(change.connection):
            in_force = await scopes_in_force(change.connection, tenant, now())
            if any(Scope.ADMIN in scopes for scopes in in_force):
                return None
            chosen_key = None
        row, token = make_key(FIRST_KEY_NAME, [Scope.ADMIN], tenant, chosen_key)
        row = replace(row, expires_at=expiry_of(KeyTerms(), row.created_at, life_max))
        await KeyRepository(change.connection, tenant).add(row)
        await note_key(change, "key.created", row)
    return None if chosen_key is not None else token


def _check(chosen_key: str, exposed: bool) -> None:
    short = is_guessable(chosen_key)
    if not is_token(chosen_key) or (short and exposed):
        raise HostUnusable(
            "WARDIAN_BOOTSTRAP_KEY is not usable: it must be 'wdn_' followed by 24 to 252 "
            "characters of A-Z, a-z, 0-9, '_' and '-'."
        )
    if short:
        _log.warning(
            "WARDIAN_BOOTSTRAP_KEY is short enough to be guessed; use it on this machine only."
        )
