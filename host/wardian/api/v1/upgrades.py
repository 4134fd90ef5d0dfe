"""Versions of a plugin: upgrade, roll back, look at what is kept and at what happened."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of, upload_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PluginMatch
from wardian.api.v1.plugins import PACKAGE
from wardian.runtime.host import (
    PluginView,
    UpgradeEntry,
    UpgradeReport,
    UpgradeView,
    VersionView,
)

router = APIRouter(prefix="/plugins/{name}", tags=["upgrades"])

REPLAYED_MAX = 1_000

_WORDS = ("all", "none")


class RollbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Where to go back to.

    Attributes:
        to: a kept version, or the digest of its package; the one before unless it is given.
        stored: what becomes of stored data that was migrated since.
    """

    to: str | None = None
    stored: Literal["keep", "restore"] | None = None


@router.post(
    "/upgrade", responses=answers(UpgradeView, others=[UpgradeReport]), openapi_extra=PACKAGE
)
async def upgrade(  # noqa: PLR0913, PLR0917 -- a request's parameters are its arguments
    request: Request,
    host: Host,
    caller: Admin,
    _: PluginMatch,
    name: str,
    approve: Annotated[
        list[str] | None,
        Query(description="A new permission to grant; or `all`, or `none`."),
    ] = None,
    allow_breaking: bool = False,
    allow_older: bool = False,
    allow_other_publisher: bool = False,
    replay: Annotated[
        int, Query(ge=0, le=REPLAYED_MAX, description="Recorded calls to try it with first.")
    ] = 0,
    accept_differences: bool = False,
    dry_run: Annotated[
        bool, Query(description="Change nothing: answer the report, with what would stop it.")
    ] = False,
) -> Response:
    """Have a newer version take the plugin's place, or nothing happen at all."""
    asked: dict[str, Any] = {
        "name": name,
        "approve": _approval(approve),
        "allow_breaking": allow_breaking,
        "allow_older": allow_older,
        "allow_other_publisher": allow_other_publisher,
        "replay": replay,
        "accept_differences": accept_differences,
        "tenant": caller.tenant,
    }
    await host.plugin(name, tenant=caller.tenant)
    upload = await upload_of(request)
    asked["signature"] = upload.signature
    if dry_run:
        return answer(await host.upgrade_report(upload.package, **asked))
    return answer(await host.upgrade(upload.package, **asked, actor=caller.key_name))


@router.post(
    "/rollback",
    responses=answers(PluginView),
    openapi_extra=takes(RollbackRequest, required=False),
)
async def rollback(
    request: Request, host: Host, caller: Admin, _: PluginMatch, name: str
) -> Response:
    """Go back to a version that is kept."""
    wanted = await body_of(request, RollbackRequest)
    view = await host.rollback(
        name,
        to=wanted.to,
        stored=wanted.stored,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view)


@router.get("/versions", responses=answers(list[VersionView]))
async def versions(host: Host, caller: Reader, name: str) -> Response:
    """List the versions that are kept, the newest installation first."""
    return answer(await host.versions(name, tenant=caller.tenant))


@router.get("/upgrades", responses=answers(list[UpgradeEntry]))
async def upgrades(host: Host, caller: Reader, name: str) -> Response:
    """List upgrades and rollbacks, also those that failed and at which step, the newest first."""
    return answer(await host.upgrades(name, tenant=caller.tenant))


def _approval(approve: list[str] | None) -> list[str] | str | None:
    if approve is not None and len(approve) == 1 and approve[0] in _WORDS:
        return approve[0]
    return approve
