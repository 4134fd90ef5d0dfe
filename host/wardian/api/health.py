"""For machines that watch the host: alive, ready, and in numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from wardian.api.answers import answer
from wardian.api.dependencies import Host, MaybeCaller, SettingsInForce
from wardian.api.exposure import describes_publicly
from wardian.errors import Forbidden, Unauthenticated
from wardian.settings import Settings
from wardian.tenants import Caller, Scope

router = APIRouter(tags=["host"])


@router.get("/healthz")
async def healthz() -> Response:
    """Answer as long as the process answers at all."""
    return answer({"status": "alive"})


@router.get("/readyz")
async def readyz(host: Host, settings: SettingsInForce) -> Response:
    """Tell whether the host can take calls: 200, or 503."""
    found = await host.ready()
    # Versions and numbers help an operator and an attacker alike, so strangers get a word.
    word = {"ready": found.ready, "events": found.events}
    shown = found if describes_publicly(settings) else word
    return answer(shown, 200 if found.ready else 503)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "The numbers, as OpenMetrics or in Prometheus's text format."}},
)
async def metrics(
    request: Request, host: Host, caller: MaybeCaller, settings: SettingsInForce
) -> Response:
    """Show the host's numbers for Prometheus.

    They name every tenant's plugins. Where functions are not described publicly, they take a
    key of the default tenant with the scope `read`.
    """
    if not describes_publicly(settings):
        _check_watcher(caller, settings)
    text, media_type = await host.exposition(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media_type})


def _check_watcher(caller: Caller | None, settings: Settings) -> None:
    if caller is None:
        raise Unauthenticated("The metrics of this host take an API key: 'Bearer wdn_…'.")
    is_watcher = caller.holds(Scope.READ) and caller.plugins is None
    if caller.tenant != settings.default_tenant or not is_watcher:
        raise Forbidden(
            f"The metrics take a key of the tenant {settings.default_tenant!r} with the scope "
            f"'{Scope.READ}'."
        )
