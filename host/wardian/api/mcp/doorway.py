"""Whether a request was meant for this host, or a browser was made to send it.

A page that has its own name lead to this machine (DNS rebinding) shows that name in Host and
Origin. A name is taken only where somebody said that it is this host's; an address is none.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from wardian.errors import Forbidden
from wardian.settings import Settings

_LOCAL = "localhost"
_NAMES_KEPT = 64
"""Requests name one or two of them, again and again."""


class Doorway:
    """Knows the names of this host."""

    def __init__(self, settings: Settings) -> None:
        public = (settings.public_url,) if settings.public_url else ()
        self._names = {_name(each) for each in (*public, *settings.mcp_names, _LOCAL)} - {""}

    def check(self, host: str | None, origin: str | None) -> None:
        """Check what a request says of where it was sent to, and of the page that sent it.

        Raises:
            Forbidden: another host's name, or another's page.
        """
        name = _name(host or "")
        if name not in self._names and not _is_address(name):
            raise Forbidden(_refused("Host", host))
        if origin is not None and _name(origin) not in self._names | {name}:
            raise Forbidden(_refused("Origin", origin))


@lru_cache(maxsize=_NAMES_KEPT)
def _name(text: str) -> str:
    """The name or address in an authority or an origin, without its port; empty if it has none."""
    try:
        found = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return ""
    return found or ""


@lru_cache(maxsize=_NAMES_KEPT)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(header: str, found: str | None) -> str:
    return (
        f"The header {header} ({(found or '')[:100]!r}) names none that this host is known by. Its "
        "operator lists its names in WARDIAN_MCP_NAMES."
    )
