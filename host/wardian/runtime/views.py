"""What the host shows of a plugin: JSON-able values for the API, the CLI and host apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from wardian.plugins import Installed
from wardian.plugins.askable import unaskable
from wardian.plugins.demands import demands_of
from wardian.plugins.enhancements import EnhancementAsked, enhancements_asked
from wardian.plugins.imports import imported_in_vain
from wardian.plugins.schedules import ScheduleAsked, schedule_asked
from wardian.policy.grants import Authority
from wardian.policy.reviews import Reviewed, review
from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.runtime.conditions import Condition
from wardian.runtime.executor.job import WorkersReport
from wardian.runtime.statistics import Vitals
from wardian.runtime.upgrade_report import UpgradeReport
from wardian.runtime.webhook_asks import WebhookAsk, webhook_asks
from wardian.runtime.webhook_handlers import unheard
from wardian.vault.keyring import VaultState
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
    """What a plugin asks for, and what it was granted.

    Attributes:
        level, effective_level: its manifest's, and the one it runs at: the host may lower it.
        oauth_scopes: each as ``provider:scope``.
        enhancements: what the host does around its functions.
        monitored: whether its use of permissions is recorded.
    """

    asked: list[AskedGrant]
    granted: list[str]
    review: list[Reviewed]
    version: str
    level: str
    effective_level: str
    required_scopes: list[str]
    oauth_scopes: list[str]
    webhooks: list[WebhookAsk]
    enhancements: list[EnhancementAsked]
    monitored: bool


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's health checks found.

    Attributes:
        status: ``unknown``, ``healthy``, ``degraded`` or ``unhealthy``, from the last check.
        detail: why, in the plugin's words or the host's.
        failures: failed checks in a row.
        last_check: when the last one began.
    """

    status: str
    detail: str
    failures: int
    last_check: datetime | None


class StatisticsView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's calls add up to, those of this moment included.

    Attributes:
        error_count: calls that were stopped, trapped or lost; a plugin's own errors are answers.
        avg_response_time: in seconds.
        success_rate: from 0 to 1.
    """

    total_requests: int
    error_count: int
    avg_response_time: float
    success_rate: float


class CheckView(HealthView, frozen=True, kw_only=True):
    """What a health check found, and what the plugin's state is after it."""

    state: str
    state_reason: str


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
    review: list[Reviewed]
    functions: list[str]
    imports: list[str]
    capabilities: list[str]
    schedules: list[ScheduleAsked]
    enhancements: list[EnhancementAsked]
    size_bytes: int
    health: HealthView
    statistics: StatisticsView
    signed: bool
    publisher: str | None
    key_id: str | None
    webhooks: list[WebhookAsk]
    warnings: list[str]


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


class UpgradeView(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin after an upgrade, and what that changed."""

    plugin: PluginView
    report: UpgradeReport


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the host can do its work now, and with what.

    Attributes:
        events: whether events are delivered. Where they are not they wait, and calls are answered.
    """

    ready: bool
    database: bool
    events: bool
    workers: WorkersReport
    protections: Protections
    missing_protections: list[str]
    vault: VaultState
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """A call that succeeded: its result as plain values, what it spent, and its id.

    Attributes:
        terms: what ran, and within which limits.
        age_seconds: for how long the host has kept the answer; None if it was made for this call.
    """

    result: Any
    usage: Usage
    call_id: str
    terms: Terms
    age_seconds: float | None = None


def plugin_view(
    plugin: Installed,
    authority: Authority,
    vitals: Vitals,
    *,
    is_new: bool = False,
    warnings: Sequence[str] = (),
) -> PluginView:
    """Show an installed plugin, which has this authority; ``is_new`` if none was there before."""
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
        review=_review(plugin, authority, is_new=is_new),
        functions=sorted(plugin.description.functions),
        imports=list(plugin.description.imports),
        capabilities=list(manifest.capabilities),
        schedules=[schedule_asked(each) for each in manifest.schedule],
        enhancements=enhancements_asked(manifest.enhancements),
        size_bytes=plugin.description.size_bytes,
        health=HealthView(**_health(vitals)),
        statistics=StatisticsView(**asdict(vitals.totals)),
        signed=plugin.signer is not None,
        publisher=plugin.signer.publisher if plugin.signer else None,
        key_id=plugin.signer.key_id if plugin.signer else None,
        webhooks=webhook_asks(manifest),
        warnings=[
            *warnings,
            *imported_in_vain(manifest, plugin.description),
            *unheard(plugin),
            *unaskable(manifest, plugin.description.functions),
        ],
    )


def check_view(plugin: Installed, condition: Condition, vitals: Vitals) -> CheckView:
    """Show what a check found."""
    values = _health(vitals) | {"status": condition.status.value, "detail": condition.text}
    return CheckView(**values, state=plugin.state.value, state_reason=plugin.state_reason)


def _health(vitals: Vitals) -> dict[str, Any]:
    health = vitals.health
    return {
        "status": health.health_status,
        "detail": health.health_detail,
        "failures": health.health_failures,
        "last_check": health.last_health_check,
    }


def switched_view(view: PluginView, others: Sequence[Installed]) -> SwitchedView:
    """Show what was switched: a plugin, behind all that had to be with it."""
    also = [
        Affected(
            name=each.name,
            version=each.version,
            state=each.state.value,
            state_reason=each.state_reason,
        )
        for each in others
    ]
    return SwitchedView(**msgspec.structs.asdict(view), also=also)


def grants_view(plugin: Installed, authority: Authority) -> GrantsView:
    """Show a plugin's permissions; it has this authority."""
    demands = demands_of(plugin.manifest)
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
        review=_review(plugin, authority),
        version=plugin.version,
        level=plugin.level.value,
        effective_level=authority.level.value,
        required_scopes=list(demands.required_scopes),
        oauth_scopes=list(demands.oauth_scopes),
        webhooks=webhook_asks(plugin.manifest),
        enhancements=enhancements_asked(plugin.manifest.enhancements),
        monitored=plugin.monitored,
    )


def _review(plugin: Installed, authority: Authority, *, is_new: bool = False) -> list[Reviewed]:
    demands = demands_of(plugin.manifest)
    return list(review(demands, authority, running=None if is_new else demands))
