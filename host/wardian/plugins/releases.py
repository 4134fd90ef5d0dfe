"""Releases: versions of plugins, as far as dependencies go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wardian.plugins.manifest import Manifest
from wardian.plugins.states import SWITCHED_ON, PluginState
from wardian.plugins.versions import VersionRange, parse_range
from wardian.storage import Connection
from wardian.storage.dependencies import DependencyRepository
from wardian.storage.rows import DependencyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a plugin: what it needs, and its state if it is installed.

    Attributes:
        needs: the range of acceptable versions by the name of each plugin that it needs.
        state: None for one that is offered and not installed.
        state_reason: why it is in its state, for people.
    """

    name: str
    version: str
    needs: Mapping[str, VersionRange] = field(default_factory=dict)
    state: PluginState | None = None
    state_reason: str = ""

    @property
    def is_on(self) -> bool:
        """Whether others may rely on it: it takes calls, or will after its ``init``."""
        return self.state in SWITCHED_ON

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def release_of(manifest: Manifest) -> Release:
    """Return the release that a package offers."""
    return Release(
        name=manifest.name, version=manifest.version, needs=_ranges(manifest.dependencies)
    )


async def read_releases(connection: Connection, tenant: str) -> tuple[Release, ...]:
    """Return what a tenant has installed, by name, as this transaction sees it."""
    return tuple(map(_release, await DependencyRepository(connection, tenant).all()))


async def hold_releases(connection: Connection, tenant: str) -> tuple[Release, ...]:
    """Do as `read_releases` does, and let nobody else decide by them until the transaction ends."""
    await DependencyRepository(connection, tenant).hold()
    return await read_releases(connection, tenant)


def _release(row: DependencyRow) -> Release:
    return Release(
        name=row.name,
        version=row.plugin_version,
        needs=_stored_ranges(row.dependencies),
        state=PluginState(row.state),
        state_reason=row.state_reason,
    )


def _stored_ranges(dependencies: Mapping[str, str]) -> dict[str, VersionRange]:
    try:
        return _ranges(dependencies)
    except ValueError:
        return {}  # it is set aside for that, and must not hold the others


def _ranges(dependencies: Mapping[str, str]) -> dict[str, VersionRange]:
    return {name: parse_range(text) for name, text in sorted(dependencies.items())}
