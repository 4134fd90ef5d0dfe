"""Which problems a request may end with, by what the route takes and does.

The document says them one by one, so that a status that is not there is a fault of the host's, and
not something that a client has to be ready for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

ANY = (400, 429, 500, 503)
"""A parameter that does not fit, too much asked, and a host that cannot: any route."""

KEYED = (401, 403)
NAMED = (404,)
CHANGING = (404, 409, 412, 422)
"""Also what is repeated with another body, or was made from another state."""
SENDING = (413, 415)
JUDGING = (422,)
CALLING = (409, 422, 502, 504)
"""What can become of a call: the function's own error, a plugin that fails, or takes too long."""

ASKING = (402,)
"""What a tenant may spend is used up."""

_CALLS = re.compile(
    r"/functions/|/plugins/[^/]+/api/|/replay$|/health$|/run$|/upgrade$|/rollback$|/agents/ask$"
)
_NAMES = ("plugin", "name", "tenant", "key")
"""Parameters that name something, which may not be there."""

_JUDGES = (
    "/plugins",
    "/installs",
    "/upgrade",
    "/rollback",
    "/publishers",
    "/revocations",
    "/trust",
)


def problem_statuses(path: str, method: str, operation: Mapping[str, Any]) -> list[int]:
    """Return the statuses of the problems that an operation may answer, in order."""
    return sorted(set(_statuses(path, method, operation)))


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[int]:
    yield from ANY
    if "security" in operation:
        yield from KEYED
    if "{" in path or any(each.get("name") in _NAMES for each in operation.get("parameters", ())):
        yield from NAMED
    if method != "get":
        yield from CHANGING
    if "requestBody" in operation:
        yield from SENDING
    if method != "get" and any(part in path for part in _JUDGES):
        yield from JUDGING
    if _CALLS.search(path):
        yield from CALLING
    if path.endswith("/agents/ask"):
        yield from ASKING
