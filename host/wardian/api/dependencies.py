"""What a route asks for: the host, and a caller who may do what the route does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from wardian.errors import Forbidden, InvalidArguments, Unauthenticated
from wardian.runtime.host import PluginHost
from wardian.settings import Settings
from wardian.tenants import Caller, Scope

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key of a tenant: `wdn_…`.",
)

_SHOWN_CHARS = 64

# For the API's description. What a request has is read in one place, below, for every route.
_Described = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


async def _host(request: Request) -> PluginHost:
    host: PluginHost = request.app.state.host
    return host


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def caller_of(request: Request) -> Caller | None:
    """Return who sent a request, or None if it has no key.

    Raises:
        Unauthenticated: what it has is no key, or one that nobody holds any more.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must read 'Bearer wdn_…', with an API key.")
    host: PluginHost = request.app.state.host
    caller = request.state.caller = await host.keys.authenticate(token.strip())
    return caller


async def holder_of(scope: Scope, request: Request) -> Caller:
    """Return who sent a request, and holds ``scope``.

    Raises:
        Unauthenticated: no key, or one that nobody holds any more.
        Forbidden: the key does not hold ``scope``.
    """
    caller = await caller_of(request)
    if caller is None:
        raise Unauthenticated("Send an API key in the Authorization header: 'Bearer wdn_…'.")
    if not caller.holds(scope):
        raise Forbidden(
            f"This takes an API key with the scope '{scope}'; the key {caller.key_name!r} has "
            f"{', '.join(sorted(caller.scopes)) or 'none'}."
        )
    return caller


async def _optional_caller(request: Request, _: _Described) -> Caller | None:
    return await caller_of(request)


def _required(scope: Scope) -> Callable[[Request, _Described], Awaitable[Caller]]:
    async def checked(request: Request, _: _Described) -> Caller:
        caller = await holder_of(scope, request)
        _check_query(request)
        return caller

    return checked


def _check_query(request: Request) -> None:
    """Refuse a change with an unknown parameter: whoever writes `dry-run` means no change."""
    if request.method == "GET":
        return
    known = list(_parameters(request.scope["route"].dependant))
    for name in request.query_params:
        if name not in known:
            there_is = ", ".join(known) or "none"
            raise InvalidArguments(
                f"There is no parameter {name[:_SHOWN_CHARS]!r} here; there is {there_is}.",
                path=f"query.{name[:_SHOWN_CHARS]}",
            )


def _parameters(dependant: Dependant) -> Iterator[str]:
    """Go through the parameters of a route, and of all that it depends on."""
    yield from (each.alias for each in dependant.query_params)
    for other in dependant.dependencies:
        yield from _parameters(other)


Host = Annotated[PluginHost, Depends(_host)]
SettingsInForce = Annotated[Settings, Depends(_settings)]
MaybeCaller = Annotated[Caller | None, Depends(_optional_caller)]
Reader = Annotated[Caller, Depends(_required(Scope.READ))]
Invoker = Annotated[Caller, Depends(_required(Scope.CALL))]
Admin = Annotated[Caller, Depends(_required(Scope.ADMIN))]
WebhookOwner = Annotated[Caller, Depends(_required(Scope.WEBHOOKS))]


async def _operator(caller: Admin, settings: SettingsInForce) -> Caller:
    if caller.tenant != settings.default_tenant:
        raise Forbidden(
            f"Only an administrator of the tenant {settings.default_tenant!r} may do this."
        )
    return caller


Operator = Annotated[Caller, Depends(_operator)]
"""An administrator of the default tenant, who runs the host itself."""
