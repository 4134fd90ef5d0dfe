"""What plugins keep beside rows that are not theirs: of the host, or of host apps."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Invoker, Reader
from wardian.api.preconditions import states_of
from wardian.errors import Forbidden, InvalidArguments
from wardian.runtime.rows.migrating import Migrated
from wardian.runtime.rows.rows import PAGE_MAX, RowPlace, RowsPage
from wardian.runtime.rows.views import RowDataView, RowKindView
from wardian.storage.aware import HOST_ROWS
from wardian.tenants import Caller, Scope

_VERSION = re.compile(r"[0-9]{1,18}")

plugin_router = APIRouter(prefix="/plugins/{name}/rows", tags=["rows"])
router = APIRouter(prefix="/rows/{kind}", tags=["rows"])

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` of what the change was made from; another is a conflict."),
]
IfNoneMatch = Annotated[
    str | None, Header(description="`*`: only if there is nothing yet, or else a conflict.")
]


class RowDataRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to keep beside a row: an object that fits the plugin's schema."""

    data: dict[str, Any]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many plugins something was removed."""

    removed: int


@plugin_router.get("", responses=answers(list[RowKindView]))
async def list_kinds(host: Host, caller: Reader, name: str) -> Response:
    """List the kinds of rows that a plugin keeps data beside, each with its schema."""
    return answer(await host.rows.kinds(name, tenant=caller.tenant))


@plugin_router.post("/migrate", responses=answers(list[Migrated]))
async def migrate(host: Host, caller: Admin, name: str) -> Response:
    """Bring data along that is of another version of the schema, also what failed before."""
    return answer(await host.row_migrations.migrate(name, tenant=caller.tenant))


@plugin_router.get("/{kind}", responses=answers(RowsPage))
async def list_rows(
    host: Host,
    caller: Reader,
    name: str,
    kind: str,
    *,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Response:
    """List what a plugin keeps beside rows of a kind, by the rows' ids."""
    page = await host.rows.page(name, kind, after=after, limit=limit, tenant=caller.tenant)
    return answer(page)


@plugin_router.get("/{kind}/{row:path}", responses=answers(RowDataView))
async def show_row(host: Host, caller: Reader, name: str, kind: str, row: str) -> Response:
    """Show what a plugin keeps beside a row."""
    place = RowPlace(plugin=name, kind=kind, row=row, tenant=caller.tenant)
    return _tagged(await host.rows.get(place))


@plugin_router.put(
    "/{kind}/{row:path}", responses=answers(RowDataView), openapi_extra=takes(RowDataRequest)
)
async def set_row(  # noqa: PLR0913, PLR0917 -- a request's parameters are its arguments
    request: Request,
    host: Host,
    caller: Invoker,
    name: str,
    kind: str,
    row: str,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Keep data beside a row, in place of what there was; it must fit the plugin's schema.

    Beside the host's own rows this takes the scope `admin`.
    """
    _check_scope(caller, kind)
    wanted = await body_of(request, RowDataRequest)
    place = RowPlace(plugin=name, kind=kind, row=row, tenant=caller.tenant)
    version = _version(if_match, if_none_match)
    view = await host.rows.put(place, wanted.data, if_version=version, actor=caller.key_name)
    return _tagged(view)


@plugin_router.delete("/{kind}/{row:path}", status_code=204)
async def remove_row(
    host: Host, caller: Invoker, name: str, kind: str, row: str, if_match: IfMatch = None
) -> Response:
    """Remove what a plugin keeps beside a row."""
    _check_scope(caller, kind)
    place = RowPlace(plugin=name, kind=kind, row=row, tenant=caller.tenant)
    version = _version(if_match, None)
    await host.rows.remove(place, if_version=version, actor=caller.key_name)
    return Response(status_code=204)


@router.get("/{row:path}", responses=answers(list[RowDataView]))
async def show_beside(host: Host, caller: Reader, kind: str, row: str) -> Response:
    """Show what every plugin keeps beside a row."""
    return answer(await host.rows.beside(kind, row, tenant=caller.tenant))


@router.delete("/{row:path}", responses=answers(Forgotten))
async def forget_row(host: Host, caller: Invoker, kind: str, row: str) -> Response:
    """Remove what every plugin keeps beside a row that is gone."""
    _check_scope(caller, kind)
    gone = await host.rows.forget(kind, row, tenant=caller.tenant, actor=caller.key_name)
    return answer(Forgotten(removed=gone))


def _check_scope(caller: Caller, kind: str) -> None:
    if kind in HOST_ROWS and not caller.holds(Scope.ADMIN):
        raise Forbidden(f"The {kind} are the host's own: this takes the scope 'admin'.")


def _version(if_match: str | None, if_none_match: str | None) -> int | None:
    """Read the conditions (RFC 9110, 13.1): one strong tag makes sense, or that there is none."""
    if if_none_match is not None:
        if if_none_match.strip() != "*" or if_match is not None:
            raise InvalidArguments(
                "If-None-Match takes `*`, and not beside If-Match.", path="header.If-None-Match"
            )
        return 0
    states = None if if_match is None else states_of(if_match)
    if states is None:
        return None
    if len(states) != 1 or not _VERSION.fullmatch(states[0]):
        raise InvalidArguments(
            "If-Match takes the one ETag that the data had.", path="header.If-Match"
        )
    return int(states[0])


def _tagged(view: RowDataView) -> Response:
    return answer(view, headers={"ETag": f'"{view.version}"'})
