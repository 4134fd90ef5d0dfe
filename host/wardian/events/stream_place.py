"""Where the stream of events is, and how one gets in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wardian.errors import HostUnusable

_SCHEMES = frozenset({"nats", "tls"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the stream is.

    Attributes:
        servers: URLs, which may have a user and a password or a token in them.
        credentials_file: a user's JWT and seed.
        ca_file: the certificates that the servers' own are checked with, in PEM.
        stream: the stream's name, and the first word of every subject.
        replicas: on how many servers of a cluster a new stream is kept.
    """

    servers: tuple[str, ...]
    credentials_file: Path | None = None
    ca_file: Path | None = None
    stream: str = "wardian"
    replicas: int = 1


def credentials_of(place: Place) -> dict[str, Any]:
    """Return what nats-py is told of where to connect to, and as whom.

    Raises:
        HostUnusable: a value or a file cannot be used.
    """
    schemes = {_scheme(server) for server in place.servers}
    if not schemes or not schemes <= _SCHEMES:
        raise HostUnusable(
            "The setting WARDIAN_NATS_URL cannot be used: it takes nats://HOST:4222 or "
            "tls://HOST:4222, and several of them with commas between."
        )
    options: dict[str, Any] = {"servers": list(place.servers)}
    if place.credentials_file is not None:
        _check_readable(place.credentials_file, "WARDIAN_NATS_CREDENTIALS_FILE")
        options["user_credentials"] = str(place.credentials_file)
    if place.ca_file is not None or "tls" in schemes:
        options["tls"] = _tls(place.ca_file)
    return options


def _scheme(server: str) -> str:
    """Return a URL's scheme; of what is no URL, nothing."""
    try:
        parts = urlsplit(server)
        is_whole = bool(parts.hostname) and parts.port != 0  # a port that is none is found here
    except ValueError:
        return ""
    return parts.scheme if is_whole else ""


def _check_readable(file: Path, setting: str) -> None:
    try:
        file.read_bytes()
    except OSError as exc:
        raise HostUnusable(f"The file {file} of {setting} cannot be read: {exc.strerror}.") from exc


def _tls(authorities: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as exc:
        raise HostUnusable(
            f"The file {authorities} of WARDIAN_NATS_CA_FILE has no certificates that can be used."
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
