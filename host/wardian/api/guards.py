"""What stands before every route that takes a key: whose it is, from where, and how often.

The order is that of cost. A token that is known is found in memory; its requests are counted; and
only then is anything read, parsed or asked. `wardian.api.dependencies` asks here for every route.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from fastapi import Request

from wardian.api.addresses import address_of, is_within, whose
from wardian.errors import Forbidden, RateLimited, Unauthenticated
from wardian.policy.origin import origin
from wardian.runtime.host import PluginHost
from wardian.storage.rows import now
from wardian.tenants import Caller, Rates
from wardian.tenants.rates import Rate, Standing

KEY_EXPIRES = b"wardian-key-expires"
"""The header that says when the key of a request expires, once that is not far."""

_COUNTED = "request_counted"
_POLICY, _LEFT = b"ratelimit-policy", b"ratelimit"


async def authenticated(request: Request) -> Caller | None:
    """Return who sent a request, or None if it has no key; nothing is counted but wrong keys.

    Raises:
        Unauthenticated: what it has is no key, or one that nobody holds any more.
        Forbidden: the key may not be used from there.
        RateLimited: too many wrong keys came from there.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must read 'Bearer wdn_…', with an API key.")
    host: PluginHost = request.app.state.host
    address = address_of(request.scope)
    caller = await host.keys.authenticate(token.strip(), whose(address))
    if caller.networks is not None and not is_within(address, caller.networks):
        raise Forbidden(f"The API key {caller.key_name!r} may not be used from this address.")
    request.state.caller = caller
    _remember(caller)
    return caller


def _remember(caller: Caller) -> None:
    """Have the audit trail know whose request it is."""
    found = origin()
    if found is not None:
        found.tenant, found.key_id, found.key_name = caller.tenant, caller.key_id, caller.key_name


async def admitted(request: Request) -> Caller | None:
    """Return who sent a request, as `authenticated` does, and count it as one request: once, also
    where it passes several who ask.

    Raises:
        RateLimited: also when its key, or its tenant, made too many requests.
    """
    caller = await authenticated(request)
    state = request.scope["state"]
    if caller is not None and _COUNTED not in state:
        charge(request, caller)
        state[_COUNTED] = True
    return caller


def charge(request: Request, caller: Caller, calls: int = 1) -> None:
    """Count so many further calls of a caller that was admitted; all of them, or none.

    For a request that stands for several calls, such as a batch: before any of them is made.

    Raises:
        RateLimited: they are more than its key, or its tenant, may still make.
    """
    scope = request.scope
    rates: Rates = scope["app"].state.host.rates
    try:
        standing = rates.take(caller, calls)
    except RateLimited:
        _tell(scope["state"], rates.standing(caller))
        raise
    _tell(scope["state"], standing)
    if caller.expires_at is not None:
        _tell_expiry(request, caller.expires_at)


def _tell(state: MutableMapping[str, Any], standing: Standing) -> None:
    """Answer what is left, by draft-ietf-httpapi-ratelimit-headers-10."""
    key, key_left, key_seconds, tenant, tenant_left, tenant_seconds = standing
    left = b'"key";r=%d;t=%d, "tenant";r=%d;t=%d'
    state["further_headers"] = {
        _POLICY: _policy(key, tenant),
        _LEFT: left % (key_left, key_seconds, tenant_left, tenant_seconds),
    }


@lru_cache(1024)
def _policy(key: Rate, tenant: Rate) -> bytes:
    return b'"key";q=%d;w=%d, "tenant";q=%d;w=%d' % (*key, *tenant)


def _tell_expiry(request: Request, expires_at: datetime) -> None:
    if (expires_at - now()).days < request.app.state.settings.key_expiring_days:
        told = request.scope["state"]["further_headers"]
        told[KEY_EXPIRES] = format_datetime(expires_at, usegmt=True).encode()
