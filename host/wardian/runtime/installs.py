"""Install and uninstall: nothing is left of either when it fails or is killed in the middle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from wardian.config import ConfigSchema
from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, InvalidManifest
from wardian.plugins import Installed, Manifest, Package, PackageStore, PluginState
from wardian.plugins.ceiling import LevelCeiling
from wardian.plugins.package import read_source
from wardian.plugins.registry import read_installed
from wardian.policy.levels import LEVELS
from wardian.runtime.journal import Change, Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.permissions import wanted_grants
from wardian.runtime.ports import Executor
from wardian.sandbox.description import Description
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository, digests_in_use
from wardian.storage.rows import PluginRow, now
from wardian.tenants.tenants import require_tenant
from wardian.worlds import HOST_VERSION

Grants = Sequence[str] | Literal["all"]

PACKAGES_AT_ONCE = 2
"""How many packages are in memory unpacked; others wait, so that uploads cannot add up."""

_T = TypeVar("_T")

_log = logging.getLogger("wardian.installs")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPolicy:
    """What the operator set for every install.

    Attributes:
        package_bytes_max: what a package's files may take together.
        ceiling: the levels that plugins may have.
    """

    package_bytes_max: int
    ceiling: LevelCeiling = field(default_factory=LevelCeiling)


class Installer:
    """Turns packages into installed plugins, and back into nothing."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        lifecycle: Lifecycle,
        store: PackageStore,
        executor: Executor,
        policy: InstallPolicy,
    ) -> None:
        self._database = database
        self._journal = journal
        self._lifecycle = lifecycle
        self._store = store
        self._executor = executor
        self._policy = policy
        self._unpacking = asyncio.Semaphore(PACKAGES_AT_ONCE)
        # Held while a component's file and its rows disagree, so that nobody sweeps it.
        self._files = asyncio.Lock()

    async def install(
        self,
        source: bytes | str | Path,
        *,
        grants: Grants,
        enable: bool,
        tenant: str,
        actor: str,
    ) -> Installed:
        """Install a package; see `PluginHost.install`."""
        async with self._unpacking:
            read = partial(self._read, source, tenant)
            package = await _to_the_end(read)
            granted = wanted_grants(package.manifest, grants)
            await self._refuse_installed(tenant, package.manifest.name)
            # Still in its turn: what waits for the compiler is as large as what is unpacked.
            description = await self._executor.admit(
                package.component, wasi=LEVELS[package.manifest.sandbox_level].wasi
            )
        async with self._lifecycle.lock(tenant, package.manifest.name):
            await self._refuse_installed(tenant, package.manifest.name)
            async with (
                self._stored(package.component),
                self._journal.change(tenant, actor) as change,
            ):
                await self._add(change, package, description)
                plugin = await self._grant(change, package.manifest, granted)
                if enable:
                    plugin = await self._lifecycle.enable(change, plugin)
            return await self._lifecycle.initialise(plugin, actor)

    def _read(self, source: bytes | str | Path, tenant: str) -> Package:
        """Unpack and check a package; this takes a while, and blocks."""
        package = read_source(source, max_bytes=self._policy.package_bytes_max)
        self._policy.ceiling.check(package.manifest, tenant)
        check_manifest(package.manifest)
        return package

    async def uninstall(self, name: str, *, tenant: str, actor: str) -> None:
        """Remove a plugin and all that belongs to it; see `PluginHost.uninstall`."""
        async with self._lifecycle.lock(tenant, name), self._files:
            async with self._journal.change(tenant, actor) as change:
                plugin = await read_installed(change.connection, tenant, name)
                await self._lifecycle.move(change, plugin, PluginState.UNINSTALLED, "")
            await self._drop_unused(plugin.digest)

    async def sweep(self) -> None:
        """Remove the files of installs that were killed before their rows were committed."""
        async with self._database.reading() as connection:
            wanted = await digests_in_use(connection)
        swept = await asyncio.to_thread(self._store.sweep, wanted)
        if swept:
            _log.info("Removed %d files that belong to no installed plugin.", len(swept))

    async def _refuse_installed(self, tenant: str, name: str) -> None:
        """Say so before compiling for seconds; the table's own rule decides in the end."""
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            row = await PluginRepository(connection, tenant).find(name)
        if row is not None:
            raise Conflict(f"{name} {row.plugin_version} is installed already; uninstall it first.")

    @asynccontextmanager
    async def _stored(self, component: bytes) -> AsyncIterator[None]:
        """Keep a component's file if the block succeeds."""
        digest = sha256_hex(component)
        async with self._files:
            try:
                await _to_the_end(partial(self._store.write, component))
                yield
            except BaseException:
                await asyncio.shield(self._drop_unused(digest))
                raise

    async def _drop_unused(self, digest: str) -> None:
        async with self._database.reading() as connection:
            used = digest in await digests_in_use(connection)
        if not used:
            try:
                await asyncio.to_thread(self._store.remove, digest)
            except OSError as error:
                _log.warning("A file stays until the next start: %s", error.strerror)

    async def _add(self, change: Change, package: Package, description: Description) -> None:
        manifest = package.manifest
        row = PluginRow(
            id=new_id(),
            tenant=change.tenant,
            name=manifest.name,
            plugin_version=manifest.version,
            digest=description.digest,
            level=manifest.sandbox_level.value,
            state=PluginState.INSTALLED.value,
            state_reason="",
            manifest=manifest.document(),
            description=msgspec.to_builtins(description),
            installed_at=now(),
            installed_by=change.actor,
        )
        await change.plugins.add(row, size_bytes=description.size_bytes)
        await change.note(
            "installed", manifest.name, {"version": manifest.version, "digest": row.digest}
        )

    async def _grant(self, change: Change, manifest: Manifest, granted: Sequence[str]) -> Installed:
        plugin = await read_installed(change.connection, change.tenant, manifest.name)
        if not granted:
            return plugin
        await change.plugins.set_granted(plugin.id, granted, change.actor)
        await change.note("granted", manifest.name, {"granted": list(granted)})
        return await read_installed(change.connection, change.tenant, manifest.name)


async def _to_the_end(function: Callable[[], _T]) -> _T:
    """Run ``function`` in a thread; when cancelled, wait for it all the same.

    A thread cannot be stopped: one that still writes would undo the cleaning up, and one that
    still unpacks holds its memory.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def check_manifest(manifest: Manifest) -> None:
    """Check what a manifest says against this host and against itself.

    Raises:
        InvalidManifest: another contract than this host's, a config_schema that is none, or
            defaults that do not fit it.
    """
    wanted = [int(part) for part in manifest.api_version.split(".")]
    offered = [int(part) for part in HOST_VERSION.split(".")]
    if wanted[0] != offered[0] or wanted > offered[: len(wanted)]:
        raise InvalidManifest(
            f"The plugin needs version {manifest.api_version} of the contract; this host offers "
            f"{HOST_VERSION}.",
            path="api_version",
        )
    if manifest.config_schema is not None:
        ConfigSchema(manifest.config_schema).check_defaults(manifest.default_config)
