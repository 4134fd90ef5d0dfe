"""Whose certificates are believed: the public authorities, and one that operators add."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx

from wardian.errors import HostUnusable


def tls_context(authorities: Path | None = None) -> ssl.SSLContext:
    """Return how servers are verified; nothing in the environment changes it.

    Raises:
        HostUnusable: the file with further authorities cannot be used.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if authorities is not None:
        try:
            context.load_verify_locations(cafile=authorities)
        except (OSError, ssl.SSLError) as exc:
            raise HostUnusable(
                f"The setting WARDIAN_EGRESS_CA_FILE cannot be used: {authorities} has no "
                f"certificates in PEM ({exc.strerror or exc})."
            ) from exc
    return context


class Authorities:
    """The authorities of one host, read when the first certificate has to be verified."""

    def __init__(self, file: Path | None = None) -> None:
        """``file`` has further authorities.

        Raises:
            HostUnusable: it cannot be used.
        """
        # Reading the public ones takes a while, and many hosts never need them.
        self._context = None if file is None else tls_context(file)

    async def context(self) -> ssl.SSLContext:
        """Return how servers are verified."""
        if self._context is None:
            self._context = await asyncio.to_thread(tls_context)
        return self._context
