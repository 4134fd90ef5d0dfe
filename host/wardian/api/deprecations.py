"""What of the API will go: told in every answer, in its description and in its list of versions.

A route is declared with `Deprecation.on_route`, a whole version in `wardian.api.versions`. Its
answers have the headers Deprecation (RFC 9745), Sunset (RFC 8594) and Link then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEMBER = "x-deprecation"
"""Where an operation of the OpenAPI document tells of it, beside ``deprecated: true``."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """That something should be used no more.

    Attributes:
        since: from when on.
        sunset: when it may stop to work; not before that.
        link: a page for people that says why, and what to do.
        successor: the address of what takes its place.

    Raises:
        ValueError: a moment without a time zone, or a sunset before the deprecation.
    """

    since: datetime
    link: str
    sunset: datetime | None = None
    successor: str | None = None

    def __post_init__(self) -> None:
        if any(each is not None and each.tzinfo is None for each in (self.since, self.sunset)):
            raise ValueError("The moments of a deprecation have a time zone.")
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError("Nothing goes before it is deprecated.")

    def headers(self) -> Headers:
        """Return the headers that tell of it."""
        found = [(b"deprecation", f"@{int(self.since.timestamp())}".encode())]
        if self.sunset is not None:
            moment = format_datetime(self.sunset.astimezone(UTC), usegmt=True)
            found.append((b"sunset", moment.encode()))
        found.append((b"link", f'<{self.link}>; rel="deprecation"; type="text/html"'.encode()))
        if self.successor is not None:
            found.append((b"link", f'<{self.successor}>; rel="successor-version"'.encode()))
        return found

    def document(self) -> dict[str, str]:
        """Return it as a JSON object."""
        told = {
            "since": _text(self.since),
            "sunset": None if self.sunset is None else _text(self.sunset),
            "link": self.link,
            "successor": self.successor,
        }
        return {name: value for name, value in told.items() if value is not None}

    def on_route(self, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the arguments that declare it of a route; ``extra`` is its ``openapi_extra``."""
        return {"deprecated": True, "openapi_extra": {**(extra or {}), MEMBER: self.document()}}


class Deprecations:
    """ASGI middleware: tells of deprecations in the answers of what is deprecated."""

    def __init__(self, app: ASGIApp, *, prefixes: Mapping[str, Deprecation]) -> None:
        """``prefixes`` are of the paths that are deprecated as a whole."""
        self._app = app
        self._prefixes = {prefix: each.headers() for prefix, each in prefixes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *self._of(scope)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, told)

    def _of(self, scope: Scope) -> Headers:
        # The route is known once the request has been routed: the scope is the same object.
        found = deprecation_of(scope.get("route"))
        if found is not None:
            return found.headers()
        path: str = scope["path"]
        return next(
            (each for prefix, each in self._prefixes.items() if path.startswith(prefix)), []
        )


def deprecation_of(route: object) -> Deprecation | None:
    """Return what is declared of a route."""
    told = (getattr(route, "openapi_extra", None) or {}).get(MEMBER)
    if told is None:
        return None
    return Deprecation(
        since=datetime.fromisoformat(told["since"]),
        sunset=datetime.fromisoformat(told["sunset"]) if "sunset" in told else None,
        link=told["link"],
        successor=told.get("successor"),
    )


def are_declared(routes: Iterable[BaseRoute], prefixes: Mapping[str, Deprecation]) -> bool:
    """Tell whether anything is deprecated."""
    contexts = iter_route_contexts(list(routes))
    return bool(prefixes) or any(
        deprecation_of(each.original_route) is not None for each in contexts
    )


def mark(document: dict[str, Any], prefixes: Mapping[str, Deprecation]) -> None:
    """Say in an OpenAPI document which operations are deprecated as a part of a version."""
    for path, item in document["paths"].items():
        for prefix, found in prefixes.items():
            if path.startswith(prefix):
                for operation in item.values():
                    operation.setdefault("deprecated", True)
                    operation.setdefault(MEMBER, found.document())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
