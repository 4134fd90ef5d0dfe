"""What is installed, as parsed values; remembered until an event says that it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from wardian.errors import NotFound
from wardian.plugins.judgement import Signer
from wardian.plugins.manifest import Manifest
from wardian.plugins.states import CALLABLE, SWITCHED_ON, Cause, PluginState
from wardian.plugins.stored import read_content, read_grants
from wardian.policy.layers import NO_DOCUMENTS, Documents
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission, parse_permission
from wardian.sandbox.description import Description
from wardian.storage import Connection, Database
from wardian.storage.config import ConfigRepository
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import PackageRow, PluginRow, VersionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One installed plugin with all that a call needs to know of it.

    Attributes:
        id: of this installation, whatever its version; a later one of the same name has another.
        digest: of the component.
        package_digest: of the package that it is a part of.
        asked: the permissions of the manifest, parsed.
        granted: the permissions the operator granted.
        documents: all that is configured for it, in whatever layer and environment.
        monitored: whether its use of permissions is recorded.
        recorded: how many of its calls are kept for replay.
        degraded_by: what made it degraded, while it is.
        signer: who signed the package; None if nobody did.
        is_readable: whether the stored manifest is taken by this version of the host. If not, the
            plugin is quarantined for as long as that is so, whatever its row says.
    """

    id: str
    tenant: str
    name: str
    version: str
    digest: str
    package_digest: str
    level: Level
    state: PluginState
    state_reason: str
    manifest: Manifest
    description: Description
    installed_at: datetime
    asked: tuple[Permission, ...] = ()
    granted: tuple[Permission, ...] = ()
    documents: Documents = NO_DOCUMENTS
    monitored: bool = False
    recorded: int = 0
    degraded_by: Cause | None = None
    signer: Signer | None = None
    is_readable: bool = True

    @property
    def is_callable(self) -> bool:
        """Whether the plugin takes calls now."""
        return self.state in CALLABLE


class Registry:
    """The installed plugins of every tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, str], Installed] = {}
        self._lists: dict[str, list[Installed]] = {}
        self._reading: dict[str, asyncio.Lock] = {}
        self._changes = 0

    async def get(self, tenant: str, name: str) -> Installed:
        """Return an installed plugin.

        Raises:
            NotFound: the tenant has none of this name.
        """
        known = self._known.get((tenant, name))
        if known is not None:
            return known
        # What was read before a change is neither remembered nor given out after it, because a
        # grant revoked meanwhile must not live on in a call that is about to start.
        changes = -1
        while changes != self._changes:
            changes = self._changes
            async with self._database.reading() as connection:
                found = await read_installed(connection, tenant, name)
        self._known[tenant, name] = found
        return found

    async def all(self, tenant: str) -> list[Installed]:
        """Return every installed plugin of a tenant, by name."""
        known = self._lists.get(tenant)
        if known is not None:
            return known
        # One reads for all who ask meanwhile: a thousand calls after a change are one visit.
        async with self._reading.setdefault(tenant, asyncio.Lock()):
            known = self._lists.get(tenant)
            return await self._read_all(tenant) if known is None else known

    async def _read_all(self, tenant: str) -> list[Installed]:
        changes = -1
        while changes != self._changes:
            changes = self._changes
            async with self._database.reading() as connection:
                found = await read_all_installed(connection, tenant)
        self._lists[tenant] = found
        return found

    async def in_state_for(self, tenant: str, reason: str) -> list[Installed]:
        """Return the tenant's plugins that are in their state for ``reason``, by name."""
        async with self._database.reading() as connection:
            names = await PluginRepository(connection, tenant).named_by_reason(reason)
        return [await self.get(tenant, name) for name in names]

    @property
    def changes(self) -> int:
        """How often something was forgotten."""
        return self._changes

    def remember(self, plugin: Installed, *, changes: int) -> None:
        """Know a plugin as a transaction has just read it, and spare its next call the reading.

        Unless more was forgotten meanwhile than ``changes`` tells: then it may be outdated.
        """
        if self._changes == changes:
            self._known[plugin.tenant, plugin.name] = plugin

    def forget(self, tenant: str, name: str | None = None) -> None:
        """Read a plugin anew from now on, or all of the tenant."""
        self._changes += 1
        self._lists.pop(tenant, None)
        for key in [key for key in self._known if key[0] == tenant]:
            if name in (None, key[1]):
                del self._known[key]

    def forget_all(self) -> None:
        """Read everything anew from now on."""
        self._changes += 1
        self._lists.clear()
        self._known.clear()


async def read_installed(connection: Connection, tenant: str, name: str) -> Installed:
    """Return an installed plugin as this transaction sees it.

    Raises:
        NotFound: the tenant has none of this name.
    """
    repository = PluginRepository(connection, tenant)
    found = await repository.find_whole(name)
    if found is None:
        raise NotFound(f"No plugin named {name[:80]!r} is installed.")
    row, package, documents = found
    return _installed(row, await repository.granted(row.id), documents, signer_of(package))


async def read_all_installed(connection: Connection, tenant: str) -> list[Installed]:
    """Return every installed plugin, by name: four queries, however many there are."""
    repository = PluginRepository(connection, tenant)
    rows, granted = await repository.all(), await repository.all_granted()
    documents = await ConfigRepository(connection, tenant).all_documents()
    packages = await repository.all_packages()
    signers = {digest: signer_of(package) for digest, package in packages.items()}
    return [
        _installed(
            row,
            granted.get(row.id, ()),
            documents.get(row.name, NO_DOCUMENTS),
            signers.get(row.package_digest),
        )
        for row in rows
    ]


def signer_of(package: PackageRow) -> Signer | None:
    """Return who signed a package, as it was found when it came."""
    if package.publisher is None or package.key_id is None:
        return None
    return Signer(publisher=package.publisher, key_id=package.key_id)


def as_version(
    plugin: Installed, row: VersionRow, granted: Iterable[str], signer: Signer | None = None
) -> Installed:
    """Return what a plugin would be at another of its versions, with these grants."""
    return replace(
        with_content(
            plugin,
            Manifest.restored(row.manifest),
            msgspec.convert(row.description, Description),
            granted,
        ),
        version=row.plugin_version,
        digest=row.digest,
        package_digest=row.package_digest,
        level=Level(row.level),
        installed_at=row.installed_at,
        signer=signer,
    )


def with_content(
    plugin: Installed, manifest: Manifest, description: Description, granted: Iterable[str]
) -> Installed:
    """Return what a plugin could do with another manifest and component, and these grants.

    It is for comparing: of which package it is made, and who signed that, stays as it was.
    """
    return replace(
        plugin,
        version=manifest.version,
        digest=description.digest,
        level=manifest.sandbox_level,
        manifest=manifest,
        description=description,
        asked=manifest.asked(),
        granted=tuple(map(parse_permission, granted)),
        is_readable=True,
    )


def _installed(
    row: PluginRow,
    granted: Iterable[str],
    documents: Documents,
    signer: Signer | None,
) -> Installed:
    manifest, description, fault = read_content(row)
    state, reason = PluginState(row.state), row.state_reason
    if fault is not None and state in SWITCHED_ON:
        state, reason = PluginState.QUARANTINED, fault
    return Installed(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        version=row.plugin_version,
        digest=row.digest,
        package_digest=row.package_digest,
        level=Level(row.level),
        state=state,
        state_reason=reason,
        manifest=manifest,
        description=description,
        installed_at=row.installed_at,
        asked=manifest.asked(),
        granted=read_grants(row.name, granted),
        documents=documents,
        monitored=row.monitored,
        recorded=row.recorded,
        degraded_by=Cause(row.degraded_by) if row.degraded_by else None,
        is_readable=fault is None,
        signer=signer,
    )
