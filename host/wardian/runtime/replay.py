"""Recordings of installed plugins, run again: by the version that was recorded, or by another."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from wardian.errors import NotFound
from wardian.plugins import Installed, Registry
from wardian.plugins.registry import as_version
from wardian.plugins.trust import Trust
from wardian.runtime.calls import CallPolicy
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.ports import Executor
from wardian.runtime.recorded import Recording
from wardian.runtime.recordings import Recordings
from wardian.runtime.rerun import Performer, ReplayOutcome, ReplayReport, rerun
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import VersionRow

SECONDS_MAX = 120.0
"""After this time no further recording is begun for an upgrade; it would wait for them."""


class Replays:
    """Runs the recordings of installed plugins."""

    def __init__(self, parts: ReplayParts) -> None:
        self._parts = parts

    async def against(self, plugin: Installed, version: Installed, last: int) -> ReplayReport:
        """Run the last recordings of a plugin, the newest first, by a version that is to be it.

        Args:
            plugin: whose recordings.
            version: the same installation, as it would be with the other version's package, which
                whoever asks has judged, and compiled or kept.
            last: how many, at most.

        Raises:
            Overloaded, HostUnusable: one did not start.
        """
        ids = await self._parts.recordings.newest(plugin, last)
        performer = self._performer(version)
        outcomes: list[ReplayOutcome] = []
        ends_at = time.monotonic() + SECONDS_MAX
        for call_id in ids:
            if time.monotonic() > ends_at:
                break
            try:
                recording = await self._parts.recordings.find(plugin.tenant, call_id)
            except NotFound:
                continue  # newer ones took its place meanwhile
            outcomes.append(await rerun(self._parts.executor, recording, performer))
        different = sum(not outcome.same for outcome in outcomes)
        return ReplayReport(
            version=version.version,
            same=len(outcomes) - different == len(ids),
            replayed=len(outcomes),
            different=different,
            left_out=len(ids) - len(outcomes),
            outcomes=outcomes,
        )

    async def one(self, call_id: str, version: str | None, *, tenant: str) -> ReplayOutcome:
        """Run one recording again.

        Args:
            version: a kept version of the plugin; by default the one that was recorded if that is
                kept, and else the one in use.

        Raises:
            NotFound: the tenant has no such recording, or the plugin no such version.
            SignatureInvalid, Revoked: the version may not run any more.
            Overloaded, HostUnusable: it did not start.
        """
        recording = await self._parts.recordings.find(tenant, call_id)
        plugin = await self._parts.registry.get(tenant, recording.plugin)
        chosen = await self._version(plugin, recording, version)
        await self._parts.trust.check_load(chosen)
        return await rerun(self._parts.executor, recording, self._performer(chosen))

    async def _version(
        self, plugin: Installed, recording: Recording, version: str | None
    ) -> Installed:
        async with self._parts.database.reading() as connection:
            kept = await PluginRepository(connection, plugin.tenant).versions(plugin.id)
        if version is None:
            found = [row for row in kept if row.package_digest == recording.package_digest]
            return _as(plugin, found[0]) if found else plugin
        found = [row for row in kept if row.plugin_version == version]
        if not found:
            known = ", ".join(sorted({row.plugin_version for row in kept}))
            raise NotFound(
                f"No version {version[:80]!r} of {plugin.name} is kept; there is {known}."
            )
        return _as(plugin, found[0])

    def _performer(self, version: Installed) -> Performer:
        level = self._parts.policy.level(version)
        return Performer(
            tenant=version.tenant,
            version=version.version,
            package_digest=version.package_digest,
            level=level,
            limits=self._parts.policy.limits(level),
            description=version.description,
            load=partial(self._parts.files.component, version.package_digest),
            manifest=version.manifest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayParts:
    """What replays are made with."""

    database: Database
    registry: Registry
    recordings: Recordings
    executor: Executor
    files: PackageFiles
    trust: Trust
    policy: CallPolicy


def _as(plugin: Installed, row: VersionRow) -> Installed:
    # What it is granted makes no difference: no host call of a replay reaches a capability.
    return as_version(plugin, row, ())
