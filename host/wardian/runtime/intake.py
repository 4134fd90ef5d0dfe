"""From what was delivered to what can be installed: read, trusted, audited, compiled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from wardian.errors import InvalidComponent
from wardian.plugins import Manifest, Package
from wardian.plugins.ceiling import LevelCeiling
from wardian.plugins.enhancements import check_enhancements
from wardian.plugins.faults import located
from wardian.plugins.package import read_source
from wardian.plugins.rollback import Allowed, Sighting, check_version
from wardian.plugins.trust import Trust, Verdict
from wardian.policy.levels import LEVELS
from wardian.runtime.manifests import check_manifest
from wardian.runtime.package_files import to_the_end
from wardian.runtime.ports import Executor
from wardian.runtime.rows.checks import check_migrations
from wardian.runtime.schedules.checks import ScheduleBounds, check_functions
from wardian.runtime.served import check_served
from wardian.runtime.steps import Steps
from wardian.sandbox.description import Description
from wardian.storage.rows import PackageRow, SeenRow, VersionRow, now

PACKAGES_AT_ONCE = 2
"""How many packages are in memory unpacked; others wait, so that uploads cannot add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A package as somebody hands it in.

    Attributes:
        source: its bytes, a path to a ``.wardian`` file, or a built plugin's directory.
        signature: the detached signature, if there is one.
        allow_older: take a version that is older than one the tenant had.
        allow_other_publisher: take a package that is not signed by whoever signed the plugin
            before.
    """

    source: bytes | str | Path
    signature: bytes | None = None
    allow_older: bool = False
    allow_other_publisher: bool = False

    @property
    def allowed(self) -> Allowed:
        """What the operator allows against the protection from going back."""
        return Allowed(older=self.allow_older, other_publisher=self.allow_other_publisher)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A package that may be installed."""

    package: Package
    description: Description
    verdict: Verdict
    allowed: Allowed

    @property
    def manifest(self) -> Manifest:
        """What the plugin says of itself."""
        return self.package.manifest

    def package_row(self) -> PackageRow:
        """Return the row of the package."""
        return PackageRow(
            digest=self.package.digest,
            component_digest=self.description.digest,
            size_bytes=self.description.size_bytes,
            publisher=self.verdict.publisher,
            key_id=self.verdict.key_id,
            envelope=self.verdict.envelope,
        )

    def sighting(self) -> Sighting:
        """Return what remembers this version when the plugin is gone."""
        return _sighting(self.package, self.verdict, self.allowed)

    def version_row(self, actor: str) -> VersionRow:
        """Return the row of this version, installed now."""
        return VersionRow(
            plugin_version=self.manifest.version,
            package_digest=self.package.digest,
            digest=self.description.digest,
            level=self.manifest.sandbox_level.value,
            manifest=self.manifest.document(),
            description=msgspec.to_builtins(self.description),
            installed_at=now(),
            installed_by=actor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """What the operator set for every package.

    Attributes:
        package_bytes_max: what a package's files may take together.
        ceiling: the levels that plugins may have.
        schedules: how many they may have, and how often.
        check_room: told a tenant and the bytes of a component; raises where they are too many.
    """

    package_bytes_max: int
    ceiling: LevelCeiling
    schedules: ScheduleBounds
    check_room: Callable[[str, int], Awaitable[None]]


class Change(NamedTuple):
    """What the intake is for: the name of the change, and whose plugin it is of."""

    name: str
    tenant: str


class Intake:
    """Turns deliveries into candidates, few at a time."""

    def __init__(
        self, trust: Trust, executor: Executor, policy: IntakePolicy, steps: Steps
    ) -> None:
        self._steps = steps
        self._trust = trust
        self._executor = executor
        self._policy = policy
        self._unpacking = asyncio.Semaphore(PACKAGES_AT_ONCE)

    @asynccontextmanager
    async def unpacked(self, delivery: Delivery, tenant: str) -> AsyncIterator[Package]:
        """Read a package and check it against this host; it is in memory in its turn only.

        Raises:
            InvalidManifest, PayloadTooLarge, NotFound: the package.
        """
        async with self._unpacking:
            yield await to_the_end(partial(self._read, delivery.source, tenant))

    async def examine(self, package: Package, delivery: Delivery, change: Change) -> Candidate:
        """Judge who signed an unpacked package, audit its component and compile it.

        Raises:
            SignatureInvalid, Revoked: the tenant does not trust it.
            Conflict: it is to be installed, and older than what the tenant had of the name.
            InvalidComponent, ImportRefused, CompileExceeded: the component.
            InvalidManifest: the component lacks what schedules call, or paths are answered
                with, or what migrates data beside rows.
            QuotaExceeded: the tenant may not keep as much more.
        """
        await self._policy.check_room(change.tenant, len(package.component))
        with self._steps.at(change.name, "verify"):
            verdict = await self._trust.check_upload(
                change.tenant, package, delivery.signature, allowed=delivery.allowed
            )
            if change.name == "install":  # an upgrade compares with what is in use first
                sighting = _sighting(package, verdict, delivery.allowed)
                check_version(package.manifest.name, verdict.seen, sighting)
        description = await self.compile(package.component, package.manifest, change.name)
        with self._steps.at(change.name, "audit"), located(package.manifest_source):
            check_functions(package.manifest, description)
            check_served(package.manifest, description)
            check_migrations(package.manifest, description)
            check_enhancements(package.manifest.enhancements, description.functions)
        return Candidate(
            package=package, description=description, verdict=verdict, allowed=delivery.allowed
        )

    async def compile(self, component: bytes, manifest: Manifest, change: str) -> Description:
        """Audit a component and compile it, both in a disposable process.

        Raises:
            InvalidComponent, ImportRefused, CompileExceeded
        """
        with self._steps.at(change, "compile"):
            try:
                return await self._executor.admit(
                    component, wasi=LEVELS[manifest.sandbox_level].wasi
                )
            except InvalidComponent as error:
                error.step = "audit"
                raise

    def _read(self, source: bytes | str | Path, tenant: str) -> Package:
        """Unpack and check a package; this takes a while, and blocks."""
        package = read_source(source, max_bytes=self._policy.package_bytes_max)
        with located(package.manifest_source):
            self._policy.ceiling.check(package.manifest, tenant)
            self._policy.schedules.check(package.manifest)
            check_manifest(package.manifest)
        return package


def _sighting(package: Package, verdict: Verdict, allowed: Allowed) -> Sighting:
    row = SeenRow(
        plugin_version=package.manifest.version,
        package_digest=package.digest,
        publisher=verdict.publisher,
    )
    return Sighting(row=row, allowed=allowed)
