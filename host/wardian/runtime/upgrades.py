"""Upgrades and rollbacks: everything about the new version is known before anything is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from wardian.errors import Conflict, InvalidArguments, NotFound, WardianError
from wardian.plugins import Installed, Manifest, Registry
from wardian.plugins.api_versions import check_api_version
from wardian.plugins.dependencies import check_upgrade
from wardian.plugins.judgement import Signer
from wardian.plugins.registry import as_version, read_installed, signer_of, with_content
from wardian.plugins.releases import Release, read_releases
from wardian.plugins.rollback import check_version
from wardian.plugins.trust import Trust
from wardian.policy.layers import Environment
from wardian.policy.permissions import Permission, parse_permission
from wardian.runtime import intake
from wardian.runtime.calls import Calls
from wardian.runtime.config_judging import check_configuration
from wardian.runtime.history import first_migrated, since
from wardian.runtime.intake import Candidate, Delivery, Intake
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.replay import Replays
from wardian.runtime.rerun import ReplayReport
from wardian.runtime.steps import Steps
from wardian.runtime.transition import Arrival, Target, Transitions
from wardian.runtime.upgrade_report import (
    MigrationStep,
    Obstacle,
    UpgradeReport,
    approved_grants,
    check_breaking,
    check_newer,
    check_replayed,
    dependents_of,
    report,
)
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import UpgradeRow, VersionRow
from wardian.storage.upgrades import UpgradeRepository

Approval = Sequence[str] | Literal["all", "none"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOrder:
    """What is asked for.

    Attributes:
        name: of the plugin, if the caller named one; the package must be of it.
        approve: new permissions that are granted with it, ``all`` or ``none``; None stops an
            upgrade that asks for more than the version before.
        allow_breaking: take a version that breaks callers without its number saying so.
        replay: so many of the last recorded calls are run by the new version first.
        accept_differences: take it though some of them do something else.
        reload: take the same version number with other content, as an author does.
    """

    delivery: Delivery
    tenant: str
    actor: str
    name: str | None = None
    approve: Approval = None
    allow_breaking: bool = False
    replay: int = 0
    accept_differences: bool = False
    reload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackOrder:
    """What is asked for.

    Attributes:
        to: a kept version, or the digest of its package; None is the one before.
        stored: what becomes of stored data that was migrated since: ``keep`` it as it is, or
            ``restore`` it as it was.
    """

    name: str
    tenant: str
    actor: str
    to: str | None = None
    stored: Literal["keep", "restore"] | None = None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a plugin that is kept."""

    version: str
    package_digest: str
    digest: str
    level: str
    installed_at: datetime
    installed_by: str
    in_use: bool


class UpgradeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One upgrade or rollback in a plugin's history."""

    id: str
    kind: str
    from_version: str
    to_version: str
    outcome: str
    step: str
    reason: str
    migrated: bool
    migrations: list[MigrationStep]
    actor: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgraderParts:
    """What upgrades are made with."""

    database: Database
    registry: Registry
    lifecycle: Lifecycle
    intake: Intake
    trust: Trust
    files: PackageFiles
    transitions: Transitions
    calls: Calls
    replays: Replays
    steps: Steps
    environment: Environment


class Upgrader:
    """Judges new versions, and has those that pass take the place of the old."""

    def __init__(self, parts: UpgraderParts) -> None:
        self._parts = parts

    async def upgrade(self, order: UpgradeOrder) -> tuple[Installed, UpgradeReport]:
        """Upgrade a plugin; see `PluginHost.upgrade`."""
        with _told("upgrade"):
            plugin, candidate = await self._examined(order)
            there = await self._there(plugin.tenant)
            await asyncio.sleep(0)  # calls go first: judging takes longer than most of them
            judged = self._judged(order, plugin, candidate, there)
            await asyncio.sleep(0)
            replayed = await self._replayed(order, plugin, candidate)
            with self._parts.steps.at("upgrade", "replay"):
                check_replayed(replayed, accepted=order.accept_differences)
            async with self._parts.lifecycle.lock(plugin.tenant, plugin.name):
                present, still_there = await self._fresh(plugin)
                if (present, still_there) != (plugin, there):
                    # It has changed while the new version was compiled and tried.
                    judged = self._judged(order, present, candidate, still_there)
                plugin, (found, approved) = present, judged
                found = msgspec.structs.replace(found, replay=replayed)
                target = _target(plugin, candidate, found, approved, order.actor)
                present = await self._parts.transitions.make(plugin, target, order.actor)
                return await self._parts.lifecycle.start(present, order.actor), found

    async def survey(self, order: UpgradeOrder) -> UpgradeReport:
        """Tell what an upgrade would change and what would stop it, and change nothing.

        Raises:
            WardianError: the package cannot even be compared.
        """
        plugin, candidate = await self._examined(order)
        there = await self._there(plugin.tenant)
        found = self._report(plugin, candidate, there)
        replayed = await self._replayed(order, plugin, candidate)
        obstacles: list[Obstacle] = []
        with _noted(obstacles, "compare"):
            _check_newer(order, plugin, candidate)
        with _noted(obstacles, "compare"):
            check_breaking(found, allowed=order.allow_breaking)
        with _noted(obstacles, "compare"):
            check_configuration(plugin, candidate.manifest, self._parts.environment)
        with _noted(obstacles, "compare"):
            _check_dependencies(candidate.manifest, there)
        with _noted(obstacles, "approve"):
            approved_grants(found, order.approve)
        with _noted(obstacles, "replay"):
            check_replayed(replayed, accepted=order.accept_differences)
        return msgspec.structs.replace(found, replay=replayed, obstacles=tuple(obstacles))

    async def rollback(self, order: RollbackOrder) -> Installed:
        """Go back to a kept version; see `PluginHost.rollback`."""
        with _told("rollback"):
            async with self._parts.lifecycle.lock(order.tenant, order.name):
                plugin = await self._parts.registry.get(order.tenant, order.name)
                plugin, _ = await self._fresh(plugin)
                row, left = await self._kept(plugin, order.to)
                target = await self._back(plugin, row, left, order)
                present = await self._parts.transitions.make(plugin, target, order.actor)
                return await self._parts.lifecycle.start(present, order.actor)

    async def beside(self, tenant: str, name: str, version: str) -> Installed:
        """Return a plugin as it would be at a kept version, to run that beside the present one.

        It has the grants that it would have if it was gone back to.

        Raises:
            NotFound: no such plugin, or no such version of it.
            Conflict: stored data was migrated between them, or it does not fit what is configured
                or installed.
            SignatureInvalid, Revoked: it may not run any more.
        """
        plugin = await self._parts.registry.get(tenant, name)
        row, left = await self._kept(plugin, version)
        if first_migrated(left) is not None:
            raise Conflict(
                f"Stored data of {name} was migrated between {row.plugin_version} and "
                f"{plugin.version}, so the two cannot run side by side."
            )
        order = RollbackOrder(name=name, tenant=tenant, actor="host", to=version)
        target = await self._back(plugin, row, left, order)
        return target.of(plugin)

    async def recover(self, tenant: str) -> None:
        """Undo, or finish, what was under way when the host was killed."""
        await self._parts.transitions.recover(tenant)

    async def versions(self, tenant: str, name: str) -> list[VersionView]:
        """Return the kept versions of a plugin, the newest installation first."""
        plugin = await self._parts.registry.get(tenant, name)
        async with self._parts.database.reading() as connection:
            rows = await PluginRepository(connection, tenant).versions(plugin.id)
        return [
            VersionView(
                version=row.plugin_version,
                package_digest=row.package_digest,
                digest=row.digest,
                level=row.level,
                installed_at=row.installed_at,
                installed_by=row.installed_by,
                in_use=row.package_digest == plugin.package_digest,
            )
            for row in rows
        ]

    async def history(self, tenant: str, name: str) -> list[UpgradeEntry]:
        """Return the upgrades and rollbacks of a plugin, the newest first."""
        plugin = await self._parts.registry.get(tenant, name)
        async with self._parts.database.reading() as connection:
            rows = await UpgradeRepository(connection, tenant).of_plugin(plugin.id)
        return list(map(_entry, rows))

    def _judged(
        self,
        order: UpgradeOrder,
        plugin: Installed,
        candidate: Candidate,
        there: Sequence[Release],
    ) -> tuple[UpgradeReport, tuple[str, ...]]:
        """Compare an installed plugin with a candidate; return what is granted with it, too."""
        found = self._report(plugin, candidate, there)
        with self._parts.steps.at("upgrade", "compare"):
            _compare(order, plugin, candidate, found)
            check_configuration(plugin, candidate.manifest, self._parts.environment)
            _check_dependencies(candidate.manifest, there)
        with self._parts.steps.at("upgrade", "approve"):
            return found, approved_grants(found, order.approve)

    async def _replayed(
        self, order: UpgradeOrder, plugin: Installed, candidate: Candidate
    ) -> ReplayReport | None:
        if not order.replay:
            return None
        new = as_version(plugin, candidate.version_row(order.actor), ())
        return await self._parts.replays.against(plugin, new, order.replay)

    def _report(
        self, plugin: Installed, candidate: Candidate, there: Sequence[Release]
    ) -> UpgradeReport:
        held = _covered(plugin.granted, candidate.manifest.asked())
        new = with_content(plugin, candidate.manifest, candidate.description, held)
        found = report(plugin, candidate, self._parts.calls.authority(new))
        return msgspec.structs.replace(
            found, dependents=dependents_of(plugin.name, candidate.manifest.version, there)
        )

    async def _examined(self, order: UpgradeOrder) -> tuple[Installed, Candidate]:
        change = intake.Change("upgrade", order.tenant)
        with self._parts.steps.at("upgrade", "read"):
            async with self._parts.intake.unpacked(order.delivery, order.tenant) as package:
                name = package.manifest.name
                if order.name not in (None, name):
                    raise Conflict(
                        f"The package is of {name!r}, and cannot upgrade {order.name!r}."
                    )
                plugin = await self._parts.registry.get(order.tenant, name)
                return plugin, await self._parts.intake.examine(package, order.delivery, change)

    async def _fresh(self, plugin: Installed) -> tuple[Installed, tuple[Release, ...]]:
        """Read a plugin under its lock, and what is there beside it."""
        await self._parts.transitions.settle(plugin)
        async with self._parts.database.reading() as connection:
            return (
                await read_installed(connection, plugin.tenant, plugin.name),
                await read_releases(connection, plugin.tenant),
            )

    async def _there(self, tenant: str) -> tuple[Release, ...]:
        async with self._parts.database.reading() as connection:
            return await read_releases(connection, tenant)

    # -- rollback --

    async def _kept(
        self, plugin: Installed, wanted: str | None
    ) -> tuple[VersionRow, list[UpgradeRow]]:
        """Find the version to go back to, and the upgrades since it was left, oldest first."""
        async with self._parts.database.reading() as connection:
            repository = PluginRepository(connection, plugin.tenant)
            kept = await repository.versions(plugin.id)
            before = await repository.previous_package(plugin.id)
            history = await UpgradeRepository(connection, plugin.tenant).of_plugin(plugin.id)
        others = [row for row in kept if row.package_digest != plugin.package_digest]
        chosen = [row for row in others if _is_meant(row, wanted or before)]
        if not chosen:
            listed = ", ".join(row.plugin_version for row in others) or "none"
            what = f"version {wanted!r} of {plugin.name}" if wanted else "version to go back to"
            raise NotFound(f"There is no {what[:200]} here; kept beside the present one: {listed}.")
        return chosen[0], since(history, chosen[0].package_digest)

    async def _back(
        self, plugin: Installed, row: VersionRow, left: list[UpgradeRow], order: RollbackOrder
    ) -> Target:
        manifest = Manifest.restored(row.manifest)
        with self._parts.steps.at("rollback", "verify"):
            check_api_version(manifest.api_version)
        dropped = [grant for entry in left for grant in entry.report.get("dropped", ())]
        held = [*plugin.granted, *map(parse_permission, dropped)]
        target = Target(
            change="rollback",
            version=row,
            manifest=manifest,
            granted=_covered(held, manifest.asked()),
            dropped=_uncovered(plugin.granted, manifest.asked()),
            restores=_restored(plugin, row, left, order.stored),
            signer=await self._signer(plugin.tenant, row.package_digest),
        )
        with self._parts.steps.at("rollback", "verify"):
            await self._parts.trust.check_load(target.of(plugin))
        component = await self._parts.files.component(row.package_digest)
        await self._parts.intake.compile(component, manifest, "rollback")
        with self._parts.steps.at("rollback", "compare"):
            check_configuration(plugin, manifest, self._parts.environment)
            _check_dependencies(manifest, await self._there(plugin.tenant))
        return target

    async def _signer(self, tenant: str, package_digest: str) -> Signer | None:
        async with self._parts.database.reading() as connection:
            row = await PluginRepository(connection, tenant).package(package_digest)
        return None if row is None else signer_of(row)


def _entry(row: UpgradeRow) -> UpgradeEntry:
    values: dict[str, Any] = {
        name: getattr(row, name, None) for name in UpgradeEntry.__struct_fields__
    }
    values["migrations"] = msgspec.convert(row.report["migrations"], list[MigrationStep])
    return UpgradeEntry(**values)


def _compare(
    order: UpgradeOrder, plugin: Installed, candidate: Candidate, found: UpgradeReport
) -> None:
    _check_newer(order, plugin, candidate)
    check_breaking(found, allowed=order.allow_breaking)


def _check_dependencies(manifest: Manifest, there: Sequence[Release]) -> None:
    check_upgrade(manifest.name, manifest.version, manifest, there)


def _check_newer(order: UpgradeOrder, plugin: Installed, candidate: Candidate) -> None:
    """Compare with what is in use, and then with all that the tenant ever had."""
    check_newer(plugin, candidate, order.delivery, reload=order.reload)
    check_version(plugin.name, candidate.verdict.seen, candidate.sighting())


def _target(
    plugin: Installed,
    candidate: Candidate,
    found: UpgradeReport,
    approved: Sequence[str],
    actor: str,
) -> Target:
    asked = candidate.manifest.asked()
    return Target(
        change="upgrade",
        version=candidate.version_row(actor),
        manifest=candidate.manifest,
        granted=tuple(sorted({*_covered(plugin.granted, asked), *approved})),
        dropped=_uncovered(plugin.granted, asked),
        arrival=Arrival(
            row=candidate.package_row(),
            content=candidate.package.content,
            seen=candidate.sighting(),
        ),
        migrations=found.migrations,
        signer=signer_of(candidate.package_row()),
    )


def _covered(held: Iterable[Permission], asked: Sequence[Permission]) -> tuple[str, ...]:
    """Return what of the grants a manifest asks for, be it a grant or less than one."""
    held = tuple(held)
    kept = [each for each in held if _asks_for(asked, each)]
    kept += [request for request in asked if any(each.covers(request) for each in held)]
    return tuple(sorted({str(each) for each in kept}))


def _uncovered(held: Iterable[Permission], asked: Sequence[Permission]) -> tuple[str, ...]:
    return tuple(sorted({str(each) for each in held if not _asks_for(asked, each)}))


def _asks_for(asked: Sequence[Permission], permission: Permission) -> bool:
    return any(request.covers(permission) for request in asked)


def _is_meant(row: VersionRow, wanted: str | None) -> bool:
    return wanted in (row.plugin_version, row.package_digest)


def _restored(
    plugin: Installed, row: VersionRow, left: list[UpgradeRow], stored: str | None
) -> str | None:
    """Return the upgrade whose snapshot becomes the plugin's data, if one shall."""
    migrated = first_migrated(left)
    if stored == "restore":
        if migrated is None:
            raise InvalidArguments(
                f"Stored data of {plugin.name} was not migrated since {row.plugin_version}, so "
                "there is nothing to restore; it stays as it is.",
                path="stored",
            )
        return migrated
    if migrated is not None and stored is None:
        raise Conflict(
            f"Stored data of {plugin.name} was migrated since {row.plugin_version}. Say what "
            "becomes of it: --data restore brings it back to what it was then and loses what was "
            "stored since, --data keep leaves it, which the older version has to understand."
        )
    return None


@contextmanager
def _told(change: str) -> Iterator[None]:
    """Say in an error at which step a change stopped, and that nothing has changed."""
    try:
        yield
    except WardianError as error:
        if error.step is not None:
            error.reword(
                f"The {change} stopped at the step '{error.step}' and changed nothing. "
                f"{error.message}"
            )
        raise


@contextmanager
def _noted(obstacles: list[Obstacle], step: str) -> Iterator[None]:
    """Collect what would stop an upgrade."""
    try:
        yield
    except WardianError as error:
        obstacles.append(Obstacle(step=step, type=error.type, detail=error.message))
