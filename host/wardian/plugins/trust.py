"""Whose packages a tenant trusts: checked when one is uploaded, and whenever it is loaded."""

from __future__ import annotations

import msgspec

from wardian.plugins.package import Package
from wardian.plugins.registry import Installed
from wardian.storage import Database


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a package that may be installed.

    Attributes:
        publisher, key_id: whose signature holds; None for a package without one.
        envelope: the signature as it was delivered.
        warnings: what the operator should know, as sentences.
    """

    publisher: str | None = None
    key_id: str | None = None
    envelope: str | None = None
    warnings: tuple[str, ...] = ()


class Trust:
    """The publishers, keys, policies and revocations of every tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check_upload(
        self, tenant: str, package: Package, envelope: bytes | None, *, allow_older: bool = False
    ) -> Verdict:
        """Judge a package that a tenant wants to install.

        Raises:
            SignatureInvalid, Revoked
        """
        return Verdict()

    async def check_load(self, plugin: Installed) -> None:
        """Judge a plugin that is about to run.

        Raises:
            SignatureInvalid, Revoked
        """
