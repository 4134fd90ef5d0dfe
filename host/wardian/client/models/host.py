"""How the host itself is."""

from __future__ import annotations

from typing import Any

import msgspec


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the host can take calls, and with what.

    A host that describes itself to nobody says only the first two.

    Attributes:
        events: whether events are delivered; where they are not they wait.
        workers: how many there are, by what they do.
        protections: of workers, by the kernel; what is missing of them is named.
        vault: whether it is open.
        versions: of the host, and of what it is made of.
    """

    ready: bool
    events: bool
    database: bool | None = None
    workers: dict[str, Any] | None = None
    protections: dict[str, Any] | None = None
    missing_protections: list[str] = []
    vault: dict[str, Any] | None = None
    versions: dict[str, str] = {}
