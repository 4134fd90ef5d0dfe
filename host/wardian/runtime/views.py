"""What the host shows of a plugin: JSON-able values for the API, the CLI and host apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from wardian.plugins import Installed
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import WorkersReport
from wardian.worker.protections import Protections


class AskedPermission(msgspec.Struct, frozen=True, kw_only=True):
    """One permission a plugin asks for, and why."""

    permission: str
    reason: str
    optional: bool = False


class AskedGrant(AskedPermission, frozen=True, kw_only=True):
    """One permission a plugin asks for, and whether it is granted as a whole."""

    granted: bool


class GrantsView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin asks for, and what it was granted."""

    asked: list[AskedGrant]
    granted: list[str]


class PluginView(msgspec.Struct, frozen=True, kw_only=True):
    """One installed plugin."""

    name: str
    version: str
    description: str
    author: str
    license: str
    category: str
    level: str
    state: str
    state_reason: str
    digest: str
    package_digest: str
    installed_at: datetime
    asked: list[AskedPermission]
    granted: list[str]
    functions: list[str]
    imports: list[str]
    size_bytes: int


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was changed together with another."""

    name: str
    version: str
    state: str
    state_reason: str


class SwitchedView(PluginView, frozen=True, kw_only=True):
    """A plugin that was enabled or disabled, and what was with it, in order."""

    also: list[Affected]


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """What was installed, in order, and the versions that another was preferred to."""

    installed: list[PluginView]
    left_out: list[str]


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the host can do its work now, and with what."""

    ready: bool
    database: bool
    workers: WorkersReport
    protections: Protections
    missing_protections: list[str]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """A call that succeeded: its result as plain values, what it spent, and its id."""

    result: Any
    usage: Usage
    call_id: str


def plugin_view(plugin: Installed) -> PluginView:
    """Show an installed plugin."""
    manifest = plugin.manifest
    return PluginView(
        name=plugin.name,
        version=plugin.version,
        description=manifest.description,
        author=manifest.author,
        license=manifest.license,
        category=manifest.category,
        level=plugin.level.value,
        state=plugin.state.value,
        state_reason=plugin.state_reason,
        digest=plugin.digest,
        package_digest=plugin.package_digest,
        installed_at=plugin.installed_at,
        asked=[
            AskedPermission(
                permission=request.permission, reason=request.reason, optional=request.optional
            )
            for request in manifest.permissions
        ],
        granted=[str(permission) for permission in plugin.granted],
        functions=sorted(plugin.description.functions),
        imports=list(plugin.description.imports),
        size_bytes=plugin.description.size_bytes,
    )


def switched_view(plugins: Sequence[Installed]) -> SwitchedView:
    """Show what was switched: a plugin, behind all that had to be with it."""
    *others, plugin = plugins
    also = [
        Affected(
            name=each.name,
            version=each.version,
            state=each.state.value,
            state_reason=each.state_reason,
        )
        for each in others
    ]
    return SwitchedView(**msgspec.structs.asdict(plugin_view(plugin)), also=also)


def grants_view(plugin: Installed) -> GrantsView:
    """Show a plugin's permissions."""
    return GrantsView(
        asked=[
            AskedGrant(
                permission=request.permission,
                reason=request.reason,
                optional=request.optional,
                granted=any(held.covers(request.parsed()) for held in plugin.granted),
            )
            for request in plugin.manifest.permissions
        ],
        granted=[str(permission) for permission in plugin.granted],
    )
