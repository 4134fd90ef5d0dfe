"""Install and uninstall: nothing is left of either when it fails or is killed in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict
from wardian.plugins import Installed, Manifest, PluginState
from wardian.plugins.registry import read_installed
from wardian.plugins.versions import is_older
from wardian.runtime import journal
from wardian.runtime.intake import Candidate, Change, Delivery, Intake
from wardian.runtime.journal import Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.permissions import wanted_grants
from wardian.runtime.steps import Steps
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import PluginRow, SeenRow
from wardian.tenants.tenants import require_tenant

Grants = Sequence[str] | Literal["all"]


class Installer:
    """Turns packages into installed plugins, and back into nothing."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        lifecycle: Lifecycle,
        intake: Intake,
        files: PackageFiles,
        steps: Steps,
    ) -> None:
        self._database = database
        self._journal = journal
        self._lifecycle = lifecycle
        self._intake = intake
        self._files = files
        self._steps = steps

    async def install(
        self, delivery: Delivery, *, grants: Grants, enable: bool, tenant: str, actor: str
    ) -> Installed:
        """Install a package; see `PluginHost.install`."""
        self._steps.reached("install", "read")
        async with self._intake.unpacked(delivery, tenant) as package:
            granted = wanted_grants(package.manifest, grants)
            await self._refuse_installed(tenant, package.manifest.name)
            candidate = await self._intake.examine(package, delivery, Change("install", tenant))
        async with self._lifecycle.lock(tenant, candidate.manifest.name):
            await self._refuse_installed(tenant, candidate.manifest.name)
            self._steps.reached("install", "store")
            async with self._files.stored(candidate.package.content, candidate.package.digest):
                self._steps.reached("install", "commit")
                async with self._journal.change(tenant, actor) as change:
                    await self._add(change, candidate)
                    plugin = await self._grant(change, candidate.manifest, granted)
                    if enable:
                        plugin = await self._lifecycle.enable(change, plugin)
                self._steps.reached("install", "init")
            return await self._lifecycle.initialise(plugin, actor)

    async def uninstall(self, name: str, *, tenant: str, actor: str) -> None:
        """Remove a plugin and all that belongs to it; see `PluginHost.uninstall`."""
        async with self._lifecycle.lock(tenant, name), self._files.lock:
            self._steps.reached("uninstall", "commit")
            async with self._journal.change(tenant, actor) as change:
                plugin = await read_installed(change.connection, tenant, name)
                kept = await change.plugins.versions(plugin.id)
                await self._lifecycle.move(change, plugin, PluginState.UNINSTALLED, "")
            self._steps.reached("uninstall", "files")
            await self._files.drop_unused(version.package_digest for version in kept)

    async def _refuse_installed(self, tenant: str, name: str) -> None:
        """Say so before compiling for seconds; the table's own rule decides in the end."""
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            row = await PluginRepository(connection, tenant).find(name)
        if row is not None:
            raise Conflict(
                f"{name} {row.plugin_version} is installed already; upgrade it, or uninstall it "
                "first."
            )

    async def _add(self, change: journal.Change, candidate: Candidate) -> None:
        manifest = candidate.manifest
        row = PluginRow(
            **asdict(candidate.version_row(change.actor)),
            id=new_id(),
            tenant=change.tenant,
            name=manifest.name,
            state=PluginState.INSTALLED.value,
            state_reason="",
        )
        await change.plugins.add(row, candidate.package_row())
        await see(change, manifest.name, candidate.seen_row())
        await change.note(
            "installed",
            manifest.name,
            {"version": manifest.version, "digest": row.digest, "package": row.package_digest},
        )

    async def _grant(
        self, change: journal.Change, manifest: Manifest, granted: Sequence[str]
    ) -> Installed:
        plugin = await read_installed(change.connection, change.tenant, manifest.name)
        if not granted:
            return plugin
        await change.plugins.set_granted(plugin.id, granted, change.actor)
        await change.note("granted", manifest.name, {"granted": list(granted)})
        return await read_installed(change.connection, change.tenant, manifest.name)


async def see(change: journal.Change, name: str, row: SeenRow) -> None:
    """Remember a version of a plugin's name as the highest that the tenant had, if it is."""
    seen = await change.plugins.seen(name)
    if seen is None or not is_older(row.plugin_version, seen.plugin_version):
        await change.plugins.see(name, row)
