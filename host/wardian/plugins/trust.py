"""Whose packages a tenant trusts: checked when one is uploaded, and whenever it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from wardian.crypto.keys import PublicKey
from wardian.errors import NotFound, Revoked, SignatureInvalid
from wardian.plugins.judgement import (
    KeyState,
    Policy,
    Stale,
    Subject,
    TenantTrust,
    TrustedKey,
    Unsigned,
)
from wardian.plugins.package import Package
from wardian.plugins.registry import Installed
from wardian.plugins.rollback import Allowed, Sighting, check_publisher
from wardian.plugins.statements import Revocation, RevocationList, read_signed
from wardian.storage import Connection, Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import (
    PackageRow,
    PublisherKeyRow,
    RevocationRow,
    SeenRow,
    TrustPolicyRow,
    now,
)
from wardian.storage.trust import TrustRepository


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a package that may be installed.

    Attributes:
        publisher, key_id: whose signature holds; None for a package without one.
        envelope: the signature as it was delivered.
        warnings: what the operator should know, as sentences.
        seen: the highest version that the tenant ever had of the name.
    """

    publisher: str | None = None
    key_id: str | None = None
    envelope: str | None = None
    warnings: tuple[str, ...] = ()
    seen: SeenRow | None = None


class Trust:
    """The publishers, keys, policies and revocations of every tenant.

    What was read of a tenant is remembered until an event says that it changed.

    Attributes:
        changes: how often that was so; what was checked before the last is to be checked anew.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, TenantTrust] = {}
        self.changes = 0

    async def check_upload(
        self,
        tenant: str,
        package: Package,
        envelope: bytes | None,
        *,
        allowed: Allowed = Allowed(),  # noqa: B008 -- frozen
    ) -> Verdict:
        """Judge a package that a tenant wants to install; whether it is newer is for the caller.

        Raises:
            SignatureInvalid: its signature does not hold or is nobody's here; it has none, and the
                policy or what the tenant had of the name demands one; the publisher's list of
                revocations expired, and the policy refuses that.
            Revoked: it, or the key that signed it.
        """
        trust = await self.of(tenant)
        subject = Subject(
            name=package.manifest.name,
            version=package.manifest.version,
            digest=package.digest,
            is_new=True,
        )
        signer = trust.judge(subject, envelope)
        at = self._clock()
        publisher = None
        if signer is not None:
            publisher = signer.publisher
            trust.check_fresh(publisher, at)
        row = SeenRow(
            plugin_version=subject.version, package_digest=subject.digest, publisher=publisher
        )
        async with self._database.reading() as connection:
            seen = await PluginRepository(connection, tenant).seen(subject.name)
        check_publisher(subject.name, seen, Sighting(row=row, allowed=allowed))
        return Verdict(
            publisher=publisher,
            key_id=signer.key_id if signer else None,
            envelope=envelope.decode() if envelope is not None else None,
            warnings=tuple(trust.warnings(signer, at)),
            seen=seen,
        )

    async def check_load(self, plugin: Installed) -> None:
        """Judge a plugin that is about to run, by whom the tenant trusts now.

        Raises:
            SignatureInvalid, Revoked
            NotFound: it was uninstalled meanwhile.
        """
        trust = await self.of(plugin.tenant)
        async with self._database.reading() as connection:
            row = await PluginRepository(connection, plugin.tenant).package(plugin.package_digest)
        if row is None:
            # Most likely it was uninstalled a moment ago.
            raise NotFound(f"{plugin.name} {plugin.version} is not installed any more.")
        _check(trust, plugin, row)

    async def distrusted(
        self, tenant: str, plugins: Iterable[Installed]
    ) -> list[tuple[Installed, SignatureInvalid | Revoked]]:
        """Judge many plugins of a tenant as `check_load` does; return those that do not pass.

        What was uninstalled meanwhile is not among them.
        """
        trust = await self.of(tenant)
        async with self._database.reading() as connection:
            rows = await PluginRepository(connection, tenant).all_packages()
        found: list[tuple[Installed, SignatureInvalid | Revoked]] = []
        for plugin in plugins:
            row = rows.get(plugin.package_digest)
            try:
                if row is not None:
                    _check(trust, plugin, row)
            except (SignatureInvalid, Revoked) as error:
                found.append((plugin, error))
        return found

    def warnings(self, plugin: Installed) -> list[str]:
        """Return what an operator should know of an installed plugin, as far as is known now."""
        trust = self._known.get(plugin.tenant) or TenantTrust(tenant=plugin.tenant)
        return trust.warnings(plugin.signer, self._clock())

    async def of(self, tenant: str) -> TenantTrust:
        """Return whom a tenant trusts."""
        known = self._known.get(tenant)
        if known is not None:
            return known
        # What was read before a change is neither remembered nor given out after it.
        changes = -1
        while changes != self.changes:
            changes = self.changes
            async with self._database.reading() as connection:
                found = await read_trust(connection, tenant)
        self._known[tenant] = found
        return found

    def forget(self, tenant: str) -> None:
        """Read whom a tenant trusts anew from now on, and have every load checked anew."""
        self.changes += 1
        self._known.pop(tenant, None)

    def forget_all(self) -> None:
        """Do as `forget` does, for every tenant."""
        self.changes += 1
        self._known.clear()


def _check(trust: TenantTrust, plugin: Installed, row: PackageRow) -> None:
    if row.envelope is None and row.publisher is not None:
        raise SignatureInvalid(
            f"The host has no record of the signature of {plugin.name} {plugin.version}, which "
            f"{row.publisher!r} signed; reinstall it."
        )
    subject = Subject(name=plugin.name, version=plugin.version, digest=plugin.package_digest)
    trust.judge(subject, None if row.envelope is None else row.envelope.encode())


async def read_trust(connection: Connection, tenant: str) -> TenantTrust:
    """Return whom a tenant trusts, as this transaction sees it."""
    repository = TrustRepository(connection, tenant)
    return TenantTrust(
        tenant=tenant,
        policy=_policy(await repository.policy()),
        plugins={row.name: row.plugins for row in await repository.publishers()},
        keys={row.key_id: _key(row) for row in await repository.keys()},
        lists={
            row.publisher: read_signed(row.envelope.encode(), RevocationList).statement
            for row in await repository.lists()
        },
        revoked=tuple(map(_revocation, await repository.revocations())),
    )


def _policy(row: TrustPolicyRow | None) -> Policy:
    if row is None:
        return Policy()
    return Policy(unsigned=Unsigned(row.unsigned), stale=Stale(row.stale))


def _key(row: PublisherKeyRow) -> TrustedKey:
    return TrustedKey(
        id=row.key_id,
        publisher=row.publisher,
        public=PublicKey.parse(row.public_key),
        state=KeyState(row.state),
        reason=row.reason,
    )


def _revocation(row: RevocationRow) -> Revocation:
    return Revocation(
        sha256=row.package_digest, name=row.name, versions=row.versions, reason=row.reason
    )
