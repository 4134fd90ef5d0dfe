"""What a route asks for: the host, and a caller who may do what the route does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from wardian.api.guards import admitted, authenticated
from wardian.errors import Forbidden, InvalidArguments, Unauthenticated, WardianError
from wardian.policy.origin import origin
from wardian.runtime.host import PluginHost
from wardian.settings import Settings
from wardian.tenants import Caller, Scope

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key of a tenant: `wdn_…`.",
)

_SHOWN_CHARS = 64
_NAMING = ("/plugins/{name}", "/agents/{name}")
"""What the paths of routes have whose ``name`` is a plugin's."""

# For the API's description. What a request has is read in one place, below, for every route.
_Described = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


async def _host(request: Request) -> PluginHost:
    host: PluginHost = request.app.state.host
    return host


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def holder_of(scope: Scope, request: Request, *, instead: Scope | None = None) -> Caller:
    """Return who sent a request, and holds ``scope``, or else ``instead``.

    Raises:
        Unauthenticated: no key, or one that nobody holds any more.
        Forbidden: the key holds neither.
        RateLimited: its key or its tenant made too many requests; or too many wrong keys came.
    """
    caller = await admitted(request)
    if caller is None:
        raise Unauthenticated("Send an API key in the Authorization header: 'Bearer wdn_…'.")
    if not caller.holds(scope) and instead is not None:
        scope, wanted = instead, f"'{scope}' or '{instead}'"
    else:
        wanted = f"'{scope}'"
    if not caller.holds(scope):
        raise Forbidden(
            f"This takes an API key with the scope {wanted}; the key {caller.key_name!r} has "
            f"{', '.join(sorted(caller.scopes)) or 'none'}."
        )
    found = origin()
    if found is not None:
        found.layer = f"scope:{scope}"
    return caller


async def invoker_of(request: Request) -> Caller:
    """Return who sent a request to call something of the plugin that its path names.

    Raises:
        Unauthenticated, RateLimited: as `holder_of`.
        Forbidden: also a key that is for other plugins, and does not learn whether there is this.
    """
    caller = await holder_of(Scope.CALL, request)
    check_plugin(caller, request.path_params["name"])
    return caller


def still_holds(request: Request, caller: Caller, scope: Scope) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether the key that a request came with is still one with ``scope``."""

    async def holds() -> bool:
        try:
            found = await authenticated(request)
        except WardianError:
            return False
        return found is not None and found.holds(scope) and found.tenant == caller.tenant

    return holds


async def _optional_caller(request: Request, _: _Described) -> Caller | None:
    return await admitted(request)


def _required(
    scope: Scope, *, instead: Scope | None = None, anywhere: bool = False
) -> Callable[[Request, _Described], Awaitable[Caller]]:
    """``anywhere`` lets keys for some plugins in, and the route itself holds them to these."""

    async def checked(request: Request, _: _Described) -> Caller:
        caller = await holder_of(scope, request, instead=instead)
        if not anywhere:
            _check_route(caller, request)
        _check_query(request)
        _check_condition(request)
        return caller

    return checked


def _check_route(caller: Caller, request: Request) -> None:
    """Hold a key for some plugins to routes that name one of them."""
    if caller.plugins is None:
        return
    template, named = request.scope["route"].path, request.path_params
    is_named = any(each in template for each in _NAMING)
    name = named.get("name") if is_named else named.get("plugin")
    check_plugin(caller, name)


def check_plugin(caller: Caller, name: str | None) -> None:
    """Hold a key for some plugins to these.

    Raises:
        Forbidden: it is for others than ``name``.
    """
    if caller.plugins is not None and name not in caller.plugins:
        raise Forbidden(
            f"The API key {caller.key_name!r} is for {', '.join(sorted(caller.plugins))}, and for "
            "nothing else."
        )


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


def _check_condition(request: Request) -> None:
    """Refuse a condition that would not be looked at: whoever sends one relies on it."""
    if request.method == "GET" or "if-match" not in request.headers:
        return
    if "if-match" not in _headers(request.scope["route"].dependant):
        raise InvalidArguments(
            "If-Match is not looked at here; without it the change is made whatever was changed "
            "before.",
            path="header.If-Match",
        )


def _headers(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.header_params)
    for other in dependant.dependencies:
        yield from _headers(other)


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
AnyReader = Annotated[Caller, Depends(_required(Scope.READ, anywhere=True))]
AnyInvoker = Annotated[Caller, Depends(_required(Scope.CALL, anywhere=True))]
"""An invoker on a route that names no plugin; it holds keys for some plugins to these itself."""
AnyReaderOrInvoker = Annotated[
    Caller, Depends(_required(Scope.READ, instead=Scope.CALL, anywhere=True))
]
"""Whoever looks at what is everybody's, or at what is its own; the route tells them apart."""

WebhookOwner = Annotated[Caller, Depends(_required(Scope.WEBHOOKS))]


async def _operator(caller: Admin, settings: SettingsInForce) -> Caller:
    if caller.tenant != settings.default_tenant:
        raise Forbidden(
            f"Only an administrator of the tenant {settings.default_tenant!r} may do this."
        )
    return caller


Operator = Annotated[Caller, Depends(_operator)]
"""An administrator of the default tenant, who runs the host itself."""
