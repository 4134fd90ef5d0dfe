"""The application: routes over an open host, wrapped in what every request passes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.routing import Route
from starlette.types import Lifespan, Scope

from wardian import __version__
from wardian.api import health, openapi, pages, receiving, versions
from wardian.api import oauth as oauth_pages
from wardian.api.addresses import ClientAddress, trusted_networks
from wardian.api.ahead import RouteAhead
from wardian.api.bodies import BodyCap
from wardian.api.deprecations import Deprecations, are_declared
from wardian.api.downloads import Downloads
from wardian.api.held import Bodies
from wardian.api.idempotency import OnceOnly
from wardian.api.identity import RequestIdentity
from wardian.api.mcp.route import mcp_route
from wardian.api.preconditions import Validators
from wardian.api.problems import UnhandledFaults, install_handlers
from wardian.api.rates import Rates
from wardian.api.streams import Streams
from wardian.api.tails import Tails
from wardian.api.v1 import (
    agent_budgets,
    agent_rules,
    agents,
    analytics,
    asks,
    audit,
    config,
    credentials,
    dependencies,
    enhancements,
    events,
    functions,
    grants,
    hooks,
    installs,
    keys,
    kv,
    logs,
    oauth,
    permissions,
    plugins,
    publishers,
    quotas,
    recordings,
    rows,
    schedules,
    served,
    tenants,
    trust,
    upgrades,
    vault,
    webhooks,
)
from wardian.api.v2 import agents as agents_v2
from wardian.api.v2 import batch, jobs
from wardian.api.v2 import functions as functions_v2
from wardian.api.watching import Watching
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

UPLOAD_PATH = re.compile(r"/api/v1/(?:plugins(?:/[^/]+/upgrade)?|installs)")
_DESCRIPTION = (
    "The functions that a key with the scope `call` may call are also tools of an MCP server "
    "(Streamable HTTP), at `/mcp`."
)

HOOK_PATH = re.compile(r"/api/v1/hooks/.*", re.DOTALL)


def create_app(settings: Settings) -> FastAPI:
    """Make an application that opens a host of its own when it starts and closes it at its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_host(settings) as host:
            app.state.host = host
            yield

    return _assemble(settings, lifespan)


def app_over(host: PluginHost, settings: Settings) -> FastAPI:
    """Make an application over a host that is open already and stays its opener's to close."""
    app = _assemble(settings, None)
    app.state.host = host
    return app


def end_streams(app: FastAPI) -> None:
    """End what is streamed to clients and has no end of its own, and let nothing more begin."""
    app.state.streams.close()
    app.state.tails.close()


def _assemble(settings: Settings, lifespan: Lifespan[FastAPI] | None) -> FastAPI:
    app = FastAPI(
        title="Wardian",
        version=__version__,
        summary="A sandboxed WebAssembly plugin host.",
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.streams = Streams(settings.event_streams_max)
    app.state.tails = Tails(settings.event_streams_max)
    app.state.downloads = Downloads(settings.data_dir)
    app.state.oauth_rates = Rates(oauth_pages.PER_MINUTE)
    app.state.receiving = receiving.Receiving()
    calls: tuple[Route, ...] = (functions.call_route, functions_v2.call_route)
    app.router.routes.extend((*calls, served.served_route))
    if settings.mcp:
        calls = (*calls, mcp_route(settings, app.state.streams))
        app.router.routes.append(calls[-1])
    app.include_router(receiving.router)
    for router in (_v1(), _v2(), health.router, openapi.router, pages.router, oauth_pages.router):
        app.include_router(router)
    app.include_router(versions.router)
    install_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(RouteAhead, routes=calls)
    app.add_middleware(Validators)
    app.add_middleware(OnceOnly, is_upload=_is_upload)
    app.add_middleware(BodyCap, bytes_max=_bytes_max(settings), bodies=_bodies(settings))
    app.add_middleware(UnhandledFaults)
    going = versions.deprecated(versions.VERSIONS)
    if are_declared(app.routes, going):
        app.add_middleware(Deprecations, prefixes=going)
    networks = trusted_networks(settings)
    if networks:
        app.add_middleware(ClientAddress, networks=networks, header=settings.trusted_proxy_header)
    app.add_middleware(Watching, logs=settings.access_log)
    app.add_middleware(RequestIdentity)
    return app


def _v1() -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    nouns = (
        functions,
        plugins,
        installs,
        upgrades,
        dependencies,
        grants,
        permissions,
        config,
        oauth,
        credentials,
        vault,
        recordings,
        kv,
        events,
        webhooks,
        schedules,
        enhancements,
        hooks,
        logs,
        publishers,
        trust,
        keys,
        audit,
        tenants,
        analytics,
        quotas,
        agents,
        asks,
        agent_rules,
        agent_budgets,
    )
    for noun in nouns:
        api.include_router(noun.router)
    api.include_router(rows.plugin_router)
    api.include_router(rows.router)
    return api


def _v2() -> APIRouter:
    api = APIRouter(prefix="/api/v2")
    for noun in (batch, jobs, agents_v2):
        api.include_router(noun.router)
    return api


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and UPLOAD_PATH.fullmatch(scope["path"]) is not None


def _bodies(settings: Settings) -> Bodies:
    largest = max(settings.upload_bytes_max, settings.body_bytes_max, settings.hook_bytes_max)
    return Bodies(settings.bodies_bytes_max, one_bytes_max=largest)


def _bytes_max(settings: Settings) -> Callable[[Scope], int]:
    def of(scope: Scope) -> int:
        if HOOK_PATH.fullmatch(scope["path"]):
            return settings.hook_bytes_max
        return settings.upload_bytes_max if _is_upload(scope) else settings.body_bytes_max

    return of
