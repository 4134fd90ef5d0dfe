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


class ApiVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the HTTP API.

    Attributes:
        status: ``stable`` or ``deprecated``.
        since: the release of Wardian that had it first.
        deprecated: from when on it should be used no more.
        sunset: when it may stop to work.
        links: addresses by relation.
    """

    version: str
    status: str
    since: str
    deprecated: str | None
    sunset: str | None
    links: dict[str, str]


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What a host speaks.

    Attributes:
        wardian: its release.
        http: the versions of the HTTP API, oldest first.
        plugin_api: the versions of the contract with plugins, the newest of each major.
    """

    wardian: str
    http: list[ApiVersion]
    plugin_api: list[str]
