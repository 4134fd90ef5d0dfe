"""From one version of a plugin to another, in steps that undo themselves where one fails.

Until ``swap`` nothing that callers see has changed, and the swap is one commit. What was done to
the plugin's stored data before it is undone from a snapshot: by this process, or if that was killed
by the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, NotFound
from wardian.plugins import Installed, Manifest, Registry
from wardian.plugins.judgement import Signer
from wardian.plugins.registry import as_version, read_installed
from wardian.plugins.rollback import Sighting
from wardian.policy.layers import Environment
from wardian.policy.permissions import parse_permission
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.config_judging import check_configuration
from wardian.runtime.dependencies import check_still_fits
from wardian.runtime.gates import Gates
from wardian.runtime.history import first_migrated, since
from wardian.runtime.installs import see
from wardian.runtime.journal import Change, Journal
from wardian.runtime.lifecycle import Lifecycle, lifecycle_function
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.steps import Steps
from wardian.runtime.upgrade_report import MigrationStep
from wardian.runtime.whole import whole
from wardian.storage.config import ConfigRepository
from wardian.storage.rows import PackageRow, UpgradeRow, VersionRow, now
from wardian.storage.upgrades import (
    COMMITTED,
    ROLLED_BACK,
    RUNNING,
    SWAPPED,
    UpgradeRepository,
)

DRAIN_SECONDS = 60.0
"""How long calls of the old version are waited for; their own deadlines are shorter by default."""

UPGRADES_KEPT = 100
"""How many upgrades of a plugin its history shows."""

Probe = Callable[[Installed], Awaitable[str | None]]
"""Asks a version how it feels; answers why it must not take over, or None."""

_log = logging.getLogger("wardian.upgrades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A package that comes with the new version; one that is kept already needs none."""

    row: PackageRow
    content: bytes = field(repr=False)
    seen: Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a plugin shall be.

    Attributes:
        change: ``upgrade`` or ``rollback``.
        manifest: of the version.
        granted: the grants from then on.
        dropped: grants that the new version has no use for; a rollback brings them back.
        migrations: calls of the new version's ``migrate``, in order.
        restores: the upgrade whose snapshot becomes the plugin's data, if one does.
        signer: who signed the version's package.
    """

    change: str
    version: VersionRow
    manifest: Manifest
    granted: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    arrival: Arrival | None = None
    migrations: tuple[MigrationStep, ...] = ()
    restores: str | None = None
    signer: Signer | None = None

    def of(self, plugin: Installed) -> Installed:
        """Return what a plugin will be."""
        return as_version(plugin, self.version, self.granted, self.signer)

    @property
    def changes_data(self) -> bool:
        """Whether stored data is not what it was."""
        return bool(self.migrations) or self.restores is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionParts:
    """What transitions are made with."""

    journal: Journal
    lifecycle: Lifecycle
    registry: Registry
    calls: Calls
    files: PackageFiles
    gates: Gates
    steps: Steps
    probe: Probe
    environment: Environment


class Transitions:
    """Takes plugins from version to version; whoever asks holds the plugin's lock."""

    def __init__(self, parts: TransitionParts, *, versions_kept: int) -> None:
        self._parts = parts
        self._versions_kept = versions_kept
        self._left: dict[str, UpgradeRow] = {}

    async def make(self, plugin: Installed, target: Target, actor: str) -> Installed:
        """Make ``plugin`` the target's version.

        Raises:
            Conflict: calls of the old version do not end, ``migrate`` answers an error, or the new
                version is not healthy; everything is as it was then.
            WardianError: the database or the disk did not do as they should.
        """
        steps, change = self._parts.steps, target.change
        with steps.at(change, "stage"):
            row, present = await self._stage(plugin, target, actor)
        with self._held(plugin, target):
            try:
                if target.changes_data:
                    present = await self._change_data(plugin, target, row)
                new = _arriving(plugin, present, target)
                with steps.at(change, "probe"):
                    await self._probe(new)
                await self._parts.calls.prepare(new)
                with steps.at(change, "swap"):
                    present = await self._swap(plugin, target, row, new)
            except BaseException as error:
                await self._end(plugin, row, error)
                raise
        try:
            steps.reached(change, "drain")
            await self._drained(plugin)
            steps.reached(change, "commit")
        finally:
            # Also when the caller does not wait for the old calls: it has happened.
            await self._end(plugin, row)
        return present

    async def recover(self, tenant: str) -> None:
        """Undo, or finish, the upgrades in whose middle the host was killed."""
        async with self._parts.journal.change(tenant, "host") as change:
            left = await UpgradeRepository(change.connection, tenant).running()
        for row in left:
            async with self._parts.journal.change(tenant, "host") as change:
                name = await change.plugins.name_of(row.plugin_id)
                plugin = await read_installed(change.connection, tenant, name)
            if await self._parts.journal.is_taken(tenant, name):
                continue  # it is under way on another host
            await self._end(plugin, row, Conflict("the host was stopped"))

    async def settle(self, plugin: Installed) -> None:
        """End the upgrade before, if the database did not let it end.

        Raises:
            WardianError: it still does not.
        """
        row = self._left.get(plugin.id)
        if row is None:
            return
        with self._parts.gates.closed(plugin):
            await self._drained(plugin)
            await self._end(plugin, row, Conflict("It failed, and could not be undone at once."))

    async def _end(
        self, plugin: Installed, row: UpgradeRow, error: BaseException | None = None
    ) -> None:
        """Finish an upgrade that was swapped, and undo one that was not; then it has ended."""

        async def end() -> None:
            gone: list[str] = []
            async with self._parts.journal.change(plugin.tenant, row.actor) as change:
                present = await UpgradeRepository(change.connection, plugin.tenant).find(row.id)
                if present is not None and present.outcome == SWAPPED:
                    gone = await self._finish(change, plugin, present)
                elif present is not None and present.outcome == RUNNING:
                    gone = await _undo(change, plugin, present, error)
            if gone:
                async with self._parts.files.alone():
                    await self._parts.files.drop_unused(gone)
            del self._left[plugin.id]

        self._left[plugin.id] = row
        await whole(end())

    # -- before the swap --

    async def _stage(
        self, plugin: Installed, target: Target, actor: str
    ) -> tuple[UpgradeRow, Installed]:
        """Keep the new version beside the old one, and write down what is about to happen.

        Returns:
            What was written down, and the plugin as it was then.
        """
        row = _row(plugin, target, actor)
        try:
            if target.arrival is None:
                return row, await self._begin(plugin, target, row)
            async with self._parts.files.stored(target.arrival.content, target.arrival.row.digest):
                return row, await self._begin(plugin, target, row)
        except BaseException as error:
            # The caller may have left in the moment in which it was written down.
            await self._end(plugin, row, error)
            raise

    async def _begin(self, plugin: Installed, target: Target, row: UpgradeRow) -> Installed:
        async with self._parts.journal.change(plugin.tenant, row.actor) as change:
            before = await self._check_unchanged(change, plugin)
            held = {*map(str, before.granted)}
            kept = await change.plugins.kept_packages(plugin.id)
            arrived = target.version.package_digest not in kept
            if target.arrival is not None:
                await change.plugins.add_package(target.arrival.row)
                keep = change.plugins.add_version if arrived else change.plugins.keep_version
                await keep(plugin.id, target.version)
            report = {
                "dropped": [text for text in target.dropped if text in held],
                "arrived": arrived,
                "migrations": [msgspec.to_builtins(step) for step in target.migrations],
            }
            upgrades = UpgradeRepository(change.connection, plugin.tenant)
            await upgrades.add(replace(row, report=report))
        return before

    @contextmanager
    def _held(self, plugin: Installed, target: Target) -> Iterator[None]:
        """Hold back the plugin's calls while its data changes hands, and only then."""
        if not target.changes_data:
            yield
            return
        with self._parts.gates.closed(plugin):
            yield

    async def _change_data(self, plugin: Installed, target: Target, row: UpgradeRow) -> Installed:
        """Bring the stored data along; return the plugin as it is then."""
        steps, tenant = self._parts.steps, plugin.tenant
        with steps.at(target.change, "snapshot"):
            if not await self._drained(plugin):
                raise Conflict(
                    f"Calls of {plugin.name} {plugin.version} have been running for "
                    f"{DRAIN_SECONDS:g} s, and its data cannot be migrated under them. Try again "
                    "later."
                )
            async with self._parts.journal.change(tenant, row.actor) as change:
                upgrades = UpgradeRepository(change.connection, tenant)
                await upgrades.snapshot(row.id, plugin.id)
                await upgrades.change(row.id, migrated=True, step="snapshot")
        with steps.at(target.change, "migrate"):
            if target.restores is not None:
                async with self._parts.journal.change(tenant, row.actor) as change:
                    upgrades = UpgradeRepository(change.connection, tenant)
                    await upgrades.restore(target.restores, plugin.id)
            await self._migrate(_arriving(plugin, await self._present(plugin), target), target)
        return await self._present(plugin)

    async def _present(self, plugin: Installed) -> Installed:
        async with self._parts.journal.change(plugin.tenant, "host") as change:
            return await self._check_unchanged(change, plugin)

    async def _migrate(self, new: Installed, target: Target) -> None:
        function = lifecycle_function(new, "migrate") or ""
        for step in target.migrations:
            arguments = {"from-version": step.from_version, "to-version": step.to_version}
            fault = await self._parts.calls.attempt(
                new, CallRequest(function=function, arguments=arguments, subject="host")
            )
            if fault is not None:
                raise Conflict(
                    f"Its migrate from {step.from_version} to {step.to_version} failed: {fault}"
                )

    async def _probe(self, new: Installed) -> None:
        complaint = await self._parts.probe(new)
        if complaint is not None:
            raise Conflict(f"{new.name} {new.version} is not healthy: {complaint}")

    # -- the swap, and after --

    async def _swap(
        self, plugin: Installed, target: Target, row: UpgradeRow, new: Installed
    ) -> Installed:
        changes = self._parts.registry.changes
        async with self._parts.journal.change(plugin.tenant, row.actor) as change:
            await ConfigRepository(change.connection, plugin.tenant).hold()
            before = await self._check_unchanged(change, plugin)
            check_configuration(before, target.manifest, self._parts.environment)
            await check_still_fits(change, target.manifest)
            granted = _still_granted(plugin, before, target)
            await change.plugins.use_version(
                plugin.id,
                target.version,
                migrated=_path(target),
                before=plugin.package_digest,
            )
            if granted != tuple(map(str, before.granted)):
                await change.plugins.set_granted(plugin.id, granted, row.actor)
            if target.arrival is not None:
                await see(change, plugin.name, target.arrival.seen)
            upgrades = UpgradeRepository(change.connection, plugin.tenant)
            await upgrades.change(row.id, outcome=SWAPPED, step="swap")
            await change.note(_NOTED[target.change], plugin.name, _detail(row, granted))
            present = await self._changed(change, before, target, granted)
            present = await self._parts.lifecycle.start_over(
                change, present, f"{target.change} to {present.version}"
            )
        # What was prepared for `new` is found again by this very object.
        present = new if present == new else present
        self._parts.registry.remember(present, changes=changes + len(change.noted))
        return present

    async def _changed(
        self, change: Change, before: Installed, target: Target, granted: Sequence[str]
    ) -> Installed:
        if before.is_readable:
            return as_version(before, target.version, granted, target.signer)
        # In which state it is was not for that version's row to say, and is now.
        return await read_installed(change.connection, before.tenant, before.name)

    async def _drained(self, plugin: Installed) -> bool:
        """Wait for the calls of the old version; tell whether all have ended."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._parts.calls.drained(plugin)
        except TimeoutError:
            return False
        return True

    async def _finish(self, change: Change, plugin: Installed, row: UpgradeRow) -> list[str]:
        """Write down that it is done, and let go of versions that are too old to be kept.

        Returns:
            The packages of these.
        """
        upgrades = UpgradeRepository(change.connection, plugin.tenant)
        await upgrades.end(row.id, COMMITTED)
        kept = await change.plugins.kept_packages(plugin.id)
        others = [digest for digest in kept if digest != row.to_package]
        # Who goes back goes to the version before first, however long ago that was installed.
        others.sort(key=lambda digest: digest != row.from_package)
        stay, gone = others[: self._versions_kept], others[self._versions_kept :]
        for digest in gone:
            await change.plugins.forget_version(plugin.id, digest)
        await _forget_outdated(upgrades, plugin.id, stay)
        return gone

    async def _check_unchanged(self, change: Change, plugin: Installed) -> Installed:
        """The lock is of this process: another host on the same database may have been faster."""
        try:
            present = await read_installed(change.connection, plugin.tenant, plugin.name)
        except NotFound:
            present = None
        before = plugin.id, plugin.package_digest
        if present is None or (present.id, present.package_digest) != before:
            raise Conflict(f"{plugin.name} was changed meanwhile. Look at it, and try again.")
        return present


async def _undo(
    change: Change, plugin: Installed, row: UpgradeRow, error: BaseException | None
) -> list[str]:
    """Have everything as it was before the upgrade began, as far as ``row`` tells it went.

    Returns:
        The package that came with it.
    """
    reason = getattr(error, "message", None) or type(error).__name__
    step = getattr(error, "step", None) or ""
    upgrades = UpgradeRepository(change.connection, plugin.tenant)
    if row.migrated:
        await upgrades.restore(row.id, plugin.id)
        await upgrades.forget_snapshot(row.id)
    if row.report["arrived"]:
        await change.plugins.forget_version(plugin.id, row.to_package)
    await upgrades.change(row.id, migrated=False, step=step)
    await upgrades.end(row.id, ROLLED_BACK, reason)
    detail = {"from": row.from_version, "to": row.to_version, "reason": reason}
    await change.note(f"{row.kind}-failed", plugin.name, detail | {"step": step})
    return [row.to_package]


def _arriving(plugin: Installed, present: Installed, target: Target) -> Installed:
    """Return the new version with what it may do, and how it is configured, at present."""
    granted = _still_granted(plugin, present, target)
    return as_version(present, target.version, granted, target.signer)


def _still_granted(plugin: Installed, present: Installed, target: Target) -> tuple[str, ...]:
    """Return the target's grants with what was revoked and granted since they were worked out."""
    revoked = {*plugin.granted} - {*present.granted}
    gone = [
        wanted
        for wanted in map(parse_permission, target.granted)
        if any(each.overlaps(wanted) for each in revoked)
        and not any(each.covers(wanted) for each in present.granted)
    ]
    asked = target.manifest.asked()
    come = {
        str(each)
        for each in {*present.granted} - {*plugin.granted}
        if any(request.covers(each) for request in asked)
    }
    kept = {text for text in target.granted if parse_permission(text) not in gone}
    return tuple(sorted(kept | come))


def _row(plugin: Installed, target: Target, actor: str) -> UpgradeRow:
    return UpgradeRow(
        id=new_id(),
        plugin_id=plugin.id,
        kind=target.change,
        from_version=plugin.version,
        to_version=target.version.plugin_version,
        from_package=plugin.package_digest,
        to_package=target.version.package_digest,
        actor=actor,
        started_at=now(),
        report={},
    )


_NOTED = {"upgrade": "upgraded", "rollback": "rolled-back"}


def _detail(row: UpgradeRow, granted: Sequence[str]) -> dict[str, Any]:
    return {
        "upgrade": row.id,
        "from": row.from_version,
        "to": row.to_version,
        "package": row.to_package,
        "granted": list(granted),
    }


def _path(target: Target) -> list[Mapping[str, str]]:
    at = now().isoformat()
    return [
        {name: str(value) for name, value in msgspec.to_builtins(step).items()} | {"at": at}
        for step in target.migrations
    ]


async def _forget_outdated(upgrades: UpgradeRepository, plugin_id: str, kept: list[str]) -> None:
    """Let go of snapshots that no rollback can use any more, and of a history too long to read.

    ``kept`` are the packages that can be gone back to: when each was last left, and what its data
    was before that was migrated, is not forgotten.
    """
    rows = await upgrades.past(plugin_id)
    entries = [since(rows, digest) for digest in kept]
    wanted = {first_migrated(each) for each in entries}
    leaving = {each[0].id for each in entries if each}
    for index, row in enumerate(rows):
        if index >= UPGRADES_KEPT and row.id not in wanted | leaving:
            await upgrades.remove(row.id)
        elif row.migrated and row.id not in wanted:
            await upgrades.forget_snapshot(row.id)
