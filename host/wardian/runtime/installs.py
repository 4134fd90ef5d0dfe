"""Install and uninstall: nothing is left of either when it fails or is killed in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments
from wardian.plugins import Installed, Manifest, PluginState
from wardian.plugins.dependencies import Plan, to_install
from wardian.plugins.registry import read_installed
from wardian.plugins.releases import Release, hold_releases, read_releases, release_of
from wardian.plugins.rollback import Sighting, check_publisher, check_version
from wardian.plugins.versions import is_older
from wardian.policy.layers import Environment
from wardian.runtime import journal
from wardian.runtime.config_judging import check_arriving
from wardian.runtime.dependencies import holding, leaving
from wardian.runtime.intake import Candidate, Change, Delivery, Intake
from wardian.runtime.journal import Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.permissions import wanted_grants
from wardian.runtime.steps import Steps
from wardian.runtime.whole import whole
from wardian.storage import Database
from wardian.storage.rows import PluginRow
from wardian.tenants.tenants import require_tenant

Grants = Sequence[str] | Literal["all"]

DELIVERIES_MAX = 64
"""How many packages one change may install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A package that may be installed, and what it is granted."""

    candidate: Candidate
    granted: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of several packages.

    Attributes:
        plugins: what was installed, in order: what is needed first.
        left_out: versions that were not, because another of the same name was.
    """

    plugins: Sequence[Installed]
    left_out: Sequence[Release]


class Installer:
    """Turns packages into installed plugins, and back into nothing."""

    def __init__(  # noqa: PLR0913 -- its parts
        self,
        database: Database,
        journal: Journal,
        lifecycle: Lifecycle,
        intake: Intake,
        files: PackageFiles,
        steps: Steps,
        *,
        environment: Environment,
    ) -> None:
        self._database = database
        self._journal = journal
        self._lifecycle = lifecycle
        self._intake = intake
        self._files = files
        self._steps = steps
        self._environment = environment

    async def install(
        self, delivery: Delivery, *, grants: Grants, enable: bool, tenant: str, actor: str
    ) -> Installed:
        """Install a package; see `PluginHost.install`."""
        self._steps.reached("install", "read")
        async with self._intake.unpacked(delivery, tenant) as package:
            granted = wanted_grants(package.manifest, grants)
            await self._plan(tenant, [release_of(package.manifest)], enable=enable)
            candidate = await self._intake.examine(package, delivery, Change("install", tenant))
        accepted = Accepted(candidate=candidate, granted=granted)
        (plugin,) = await self._commit([accepted], enable=enable, tenant=tenant, actor=actor)
        return plugin

    async def install_all(
        self,
        deliveries: Sequence[Delivery],
        *,
        grants: Grants,
        enable: bool,
        tenant: str,
        actor: str,
    ) -> Batch:
        """Install several packages or none; see `PluginHost.install_all`."""
        if not 0 < len(deliveries) <= DELIVERIES_MAX:
            raise InvalidArguments(
                f"One change installs 1 to {DELIVERIES_MAX} packages, not {len(deliveries)}."
            )
        self._steps.reached("install", "read")
        offered: list[Release] = []
        for delivery in deliveries:
            async with self._intake.unpacked(delivery, tenant) as package:
                offered.append(release_of(package.manifest))
        plan = await self._plan(tenant, offered, enable=enable)
        sources = {
            id(release): delivery for release, delivery in zip(offered, deliveries, strict=True)
        }
        accepted = [
            await self._accepted(sources[id(release)], grants, tenant) for release in plan.wanted
        ]
        plugins = await self._commit(accepted, enable=enable, tenant=tenant, actor=actor)
        return Batch(plugins=plugins, left_out=plan.left_out)

    async def _accepted(self, delivery: Delivery, grants: Grants, tenant: str) -> Accepted:
        async with self._intake.unpacked(delivery, tenant) as package:
            granted = wanted_grants(package.manifest, grants)
            candidate = await self._intake.examine(package, delivery, Change("install", tenant))
        # Small packages unpack to large components, and all of these wait for the last one.
        lean = replace(candidate, package=replace(candidate.package, component=b""))
        return Accepted(candidate=lean, granted=granted)

    async def _commit(
        self, accepted: Sequence[Accepted], *, enable: bool, tenant: str, actor: str
    ) -> list[Installed]:
        """Install in this order, in one transaction, what turns out to be right still."""
        packages = [each.candidate.package for each in accepted]
        async with self._lifecycle.locks(tenant, (each.manifest.name for each in packages)):
            self._steps.reached("install", "store")
            contents = {package.digest: package.content for package in packages}
            async with self._files.stored_all(contents):
                self._steps.reached("install", "commit")
                async with self._journal.change(tenant, actor) as change:
                    there = await hold_releases(change.connection, tenant)
                    offered = [release_of(package.manifest) for package in packages]
                    to_install(offered, there, enable=enable)
                    plugins = [await self._put(change, each, enable) for each in accepted]
                self._steps.reached("install", "init")
            return [await self._lifecycle.initialise(plugin, actor) for plugin in plugins]

    async def _put(self, change: journal.Change, accepted: Accepted, enable: bool) -> Installed:
        await self._add(change, accepted.candidate)
        plugin = await self._grant(change, accepted.candidate.manifest, accepted.granted)
        check_arriving(plugin, self._environment)
        return await self._lifecycle.enable(change, plugin) if enable else plugin

    async def uninstall(
        self, name: str, *, cascade: bool, tenant: str, actor: str
    ) -> Sequence[str]:
        """Remove a plugin and all that belongs to it; see `PluginHost.uninstall`."""

        async def attempt(held: frozenset[str]) -> list[str]:
            async with self._files.alone():
                removing = self._removed(name, cascade, held, tenant=tenant, actor=actor)
                return await whole(removing)

        return await holding(self._lifecycle, tenant, name, attempt)

    async def _removed(
        self, name: str, cascade: bool, held: frozenset[str], *, tenant: str, actor: str
    ) -> list[str]:
        self._steps.reached("uninstall", "commit")
        kept: list[str] = []
        async with self._journal.change(tenant, actor) as change:
            await read_installed(change.connection, tenant, name)
            before = await leaving(change, name, "uninstall", cascade=cascade, held=held)
            reason = f"was uninstalled by {actor}"
            going = {each.release.name: each.reason(reason) for each in before} | {
                name: f"uninstalled by {actor}"
            }
            for each, why in going.items():
                plugin = await read_installed(change.connection, tenant, each)
                kept += await change.plugins.kept_packages(plugin.id)
                await self._lifecycle.move(change, plugin, PluginState.UNINSTALLED, why)
        self._steps.reached("uninstall", "files")
        await self._files.drop_unused(kept)
        return list(going)

    async def _plan(self, tenant: str, offered: Sequence[Release], *, enable: bool) -> Plan:
        """Say what is wrong before compiling for seconds; the change itself decides in the end."""
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            return to_install(offered, await read_releases(connection, tenant), enable=enable)

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
        await see(change, manifest.name, candidate.sighting())
        await change.note(
            "installed",
            manifest.name,
            {
                "version": manifest.version,
                "digest": row.digest,
                "package": row.package_digest,
                "publisher": candidate.verdict.publisher,
                "key_id": candidate.verdict.key_id,
            },
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


async def see(change: journal.Change, name: str, sighting: Sighting) -> None:
    """Remember a version of a plugin's name as the highest that the tenant had, if it is.

    Raises:
        Conflict, SignatureInvalid: another change meanwhile made it one that must not be installed.
    """
    seen = await change.plugins.seen(name)
    waived = check_publisher(name, seen, sighting) + check_version(name, seen, sighting)
    if waived:
        await change.note("protection-waived", name, {"what": waived})
    if seen is None or not is_older(sighting.row.plugin_version, seen.plugin_version):
        await change.plugins.see(name, sighting.row)
