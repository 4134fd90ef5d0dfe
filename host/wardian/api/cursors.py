"""Long lists in pages: ``limit``, ``cursor``, and the next page in the header Link (RFC 8288).

Without ``limit`` a list is whole, as it always was. A cursor says after which item to go on and of
which query it is. It is no secret and needs no signature: whoever writes one by hand gets a page of
what a list shows him anyway.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer
from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments

LIMIT_MAX = 1_000
CURSOR_CHARS_MAX = 1_024
PAGE = 100
"""How long a page is where only a cursor is sent."""

_DIGEST_CHARS = 16
_OURS = ("cursor", "limit")

Key = tuple[str | int, ...]
Item = TypeVar("Item")


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    query: str
    after: list[str | int]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for.

    Attributes:
        limit: of how many items; None for the whole list.
        after: the key of the item before it.
    """

    request: Request
    limit: int | None
    after: Key | None


async def _paging(
    request: Request,
    limit: Annotated[
        int | None,
        Query(ge=1, le=LIMIT_MAX, description="At most so many; unless given, all."),
    ] = None,
    cursor: Annotated[
        str | None,
        Query(description="From the `Link` with `rel=next` of the page before."),
    ] = None,
) -> Paging:
    if cursor is None:
        return Paging(request, limit, None)
    return Paging(request, limit or PAGE, _after(request, cursor))


InPages = Annotated[Paging, Depends(_paging)]


def page_of(
    items: Sequence[Item],
    paging: Paging,
    by: Callable[[Item], Key],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a page of a list, with a link to the next if there is one.

    Args:
        by: what items are ordered by, different for each: so an item that comes or goes between
            two pages shifts none of the others.
    """
    if paging.limit is None:
        return answer(items, headers=headers)
    ordered = sorted(items, key=by)
    after = paging.after
    try:
        left = ordered if after is None else [each for each in ordered if by(each) > after]
    except TypeError as error:  # numbers where the list has text
        raise _no_cursor() from error
    page = left[: paging.limit]
    link = {} if len(left) == len(page) else {"Link": next_link(paging, by(page[-1]))}
    return answer(page, headers={**(headers or {}), **link})


def next_link(paging: Paging, after: Key) -> str:
    """Return the header Link to the page that begins behind an item."""
    request = paging.request
    cursor = _Cursor(_query(request), list(after))
    text = base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()
    kept = [each for each in request.query_params.multi_items() if each[0] not in _OURS]
    query = urlencode([*kept, ("limit", str(paging.limit)), ("cursor", text)])
    path = request.url.path
    return f'<{path}?{query}>; rel="next"'


def _after(request: Request, cursor: str) -> Key:
    try:
        if len(cursor) > CURSOR_CHARS_MAX:
            raise ValueError(len(cursor))
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw, type=_Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise _no_cursor() from error
    if found.query != _query(request):
        raise InvalidArguments(
            "The cursor is of another list, or of one with other parameters; begin without one.",
            path="query.cursor",
        )
    return tuple(found.after)


def _query(request: Request) -> str:
    """Return a digest of the list that is asked for, its pages apart."""
    chosen: list[Any] = sorted(
        each for each in request.query_params.multi_items() if each[0] not in _OURS
    )
    return sha256_hex(msgspec.json.encode([request.scope["path"], chosen]))[:_DIGEST_CHARS]


def _no_cursor() -> InvalidArguments:
    return InvalidArguments(
        "The cursor is none that this host gave; begin without one.", path="query.cursor"
    )
