"""A webhook's request as it came, and the answer to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

PATH = "/api/v1/hooks"

NOBODY = "-"
"""A name that neither a tenant has, nor a plugin or a webhook."""

HEADERS_MAX = 100
HEADERS_CHARS_MAX = 32 * 1024

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

_NEVER_SHOWN = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Headers that are for whoever is in between, or for the host; a plugin has no use for them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a webhook is received: whose it is, which plugin's, and which of its webhooks."""

    tenant: str
    plugin: str
    name: str

    @property
    def path(self) -> str:
        """The path of its address."""
        return f"{PATH}/{self.tenant}/{self.plugin}/{self.name}"

    def possible(self) -> Place:
        """Return the same place, or one where nothing can be if the names are no names."""
        names = (self.tenant, self.plugin, self.name)
        if all(_NAME.fullmatch(each) for each in names):
            return self
        return Place(NOBODY, NOBODY, NOBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request, of which nothing was verified.

    Attributes:
        headers: names in lower case, in the order in which they came.
        body: the bytes that came.
        request_id: of the request, to find it by.
    """

    place: Place
    headers: Sequence[tuple[str, str]]
    body: bytes
    request_id: str | None = None

    def shown(self, hidden: frozenset[str]) -> list[list[str]]:
        """Return the headers that a plugin is shown."""
        return [
            [name, value]
            for name, value in self.headers
            if name not in hidden and name not in _NEVER_SHOWN
        ]

    def at_possible_place(self) -> Incoming:
        """Return the request at a place that may be asked for in a database."""
        return replace(self, place=self.place.possible())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender is answered.

    Attributes:
        is_repeat: whether the delivery had been handled before.
    """

    status: int
    body: str = ""
    is_repeat: bool = False
