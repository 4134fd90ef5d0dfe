"""What the repositories take and give: frozen rows, no SQLAlchemy in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """One package that is kept.

    Attributes:
        digest: of the whole package.
        size_bytes: of the component.
        publisher, key_id: whose signature was checked; None for a package that came without.
        envelope: the signature as it came.
    """

    digest: str
    component_digest: str
    size_bytes: int
    publisher: str | None = None
    key_id: str | None = None
    envelope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    """What one origin sets in one scope.

    Attributes:
        scope: a plugin's name, or empty for all of the tenant's.
        plugin_id: with whose installation it goes; None if it stays.
        layers: settings, by slot.
        origins: by slot, and by the JSON text of a value's path: `by` and `at`.
        version: counts the changes.
    """

    scope: str
    origin: str
    plugin_id: str | None
    layers: Mapping[str, Any]
    origins: Mapping[str, Any]
    version: int
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChangeRow:
    """The settings of a layer before and after one change.

    Attributes:
        environment: None for a layer that is the same in all of them.
    """

    scope: str
    origin: str
    plugin_id: str | None
    layer: str
    environment: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One kept version of a plugin. The documents are JSON values; services parse them.

    Attributes:
        digest: of the component.
    """

    plugin_version: str
    package_digest: str
    digest: str
    level: str
    manifest: Mapping[str, Any]
    description: Mapping[str, Any]
    installed_at: datetime
    installed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow(VersionRow):
    """One installed plugin, with the version of it that is in use.

    Attributes:
        monitored: whether its use of permissions is recorded.
        recorded: how many of its calls are kept for replay.
        degraded_by: what made it degraded, while it is.
    """

    id: str
    tenant: str
    name: str
    state: str
    state_reason: str
    monitored: bool = False
    recorded: int = 0
    degraded_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRow:
    """What a plugin's health checks found.

    Attributes:
        health_status: the answer of the last one.
        last_health_check: when the last one began.
        health_failures, health_successes: in a row, the last check included.
    """

    health_status: str = "unknown"
    health_detail: str = ""
    health_failures: int = 0
    health_successes: int = 0
    last_health_check: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsRow:
    """What a plugin's calls add up to, as written down; times in seconds."""

    total_requests: int = 0
    error_count: int = 0
    avg_response_time: float = 0.0
    success_rate: float = 1.0

    def plus(self, more: CallTotals) -> TotalsRow:
        """Return these totals with more calls, which are at least one."""
        requests = self.total_requests + more.requests
        errors = self.error_count + more.errors
        seconds = self.avg_response_time * self.total_requests + more.seconds
        return TotalsRow(
            total_requests=requests,
            error_count=errors,
            avg_response_time=seconds / requests,
            success_rate=1.0 - errors / requests,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRow:
    """What of a plugin is a metric."""

    tenant: str
    name: str
    state: str
    health_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRow:
    """The highest version that a tenant ever had of a plugin's name."""

    plugin_version: str
    package_digest: str
    publisher: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastUpgradeRow:
    """What of an upgrade or rollback matters to those who go back behind it."""

    id: str
    from_package: str
    outcome: str = "running"
    migrated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRow(PastUpgradeRow):
    """One upgrade or rollback, also while it runs."""

    plugin_id: str
    kind: str
    from_version: str
    to_version: str
    to_package: str
    actor: str
    started_at: datetime
    step: str = ""
    reason: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyRow:
    """What of an installed plugin matters to those that need it, or that it needs.

    Attributes:
        dependencies: the range of versions by the name of each plugin that it needs.
    """

    name: str
    plugin_version: str
    state: str
    state_reason: str
    dependencies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One API key, without the key.

    Attributes:
        issued_at: when it got its present token, if that was not when it was made.
        expiry_told_at: when it was told that it is about to expire.
        old_digest, old_until: of the token before its present one, and how long that one holds.
        rate: its own bound on requests.
        plugins, networks: which it may have to do with, and be used from; None is all.
    """

    id: str
    tenant: str
    name: str
    prefix: str
    digest: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    description: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    expiry_told_at: datetime | None = None
    last_used_at: datetime | None = None
    old_digest: str | None = None
    old_until: datetime | None = None
    rate: str | None = None
    plugins: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None

    def has_ended(self, at: datetime) -> bool:
        """Tell whether it was revoked, or has expired by then."""
        expired = self.expires_at is not None and self.expires_at <= at
        return expired or self.revoked_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKeyRow:
    """A key that somebody's token belongs to, and how many requests its tenant may make.

    Attributes:
        tenant_rate, tenant_key_rate: the tenant's own bounds, on all its requests and on those of
            each of its keys.
    """

    key: KeyRow
    tenant_rate: str | None
    tenant_key_rate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLimitsRow:
    """A tenant's own bounds on requests; None is what the settings say."""

    rate: str | None = None
    key_rate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One published event: the envelope of ``wit/v1/event-handler.wit``; ``data`` is JSON text."""

    id: str
    tenant: str
    topic: str
    source: str
    time: datetime
    correlation_id: str
    key: str | None
    attempt: int
    data: str
    hops: int = 0
    origin: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what to what, from where, and who decided that they may or may not.

    Attributes:
        key_id, address, request_id: of the request that asked for it; empty if none did.
        decision: ``allowed`` or ``denied``.
        layer: what decided: ``host``, ``scope:admin`` or another scope of the key, ``trust``, or
            one of `wardian.policy.grants.Layer`; empty for what a program asked that the host is
            a part of.
    """

    tenant: str
    time: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    key_id: str = ""
    address: str = ""
    request_id: str = ""
    decision: str = "allowed"
    layer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntryRow(AuditRow):
    """An entry in its place of its tenant's chain; see `wardian.crypto.chains`.

    Attributes:
        sequence: 1, 2, 3 … without a gap.
        previous: the hash of the entry before.
    """

    sequence: int
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTotals:
    """What a plugin's calls add up to since they were last written down."""

    requests: int
    errors: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionUseRow:
    """How often and when a plugin needed one permission.

    Attributes:
        refused_by: the layer that refused it; empty where it was allowed.
    """

    permission: str
    refused_by: str
    uses: int
    first_at: datetime
    last_at: datetime
    last_call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSummary:
    """One call that can be run again, without what was said in it."""

    call_id: str
    plugin_id: str
    plugin_version: str
    package_digest: str
    function: str
    outcome: str
    recorded_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow(RecordingSummary):
    """One call that can be run again.

    Attributes:
        document: see `wardian.runtime.recorded`.
    """

    document: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherRow:
    """One publisher, and the plugins that it may sign: names, or beginnings of them with ``*``."""

    name: str
    plugins: tuple[str, ...]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherKeyRow:
    """One key of a publisher's; ``state`` is ``active``, ``retired`` or ``revoked``."""

    key_id: str
    publisher: str
    public_key: str
    state: str
    reason: str
    added_at: datetime
    added_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicyRow:
    """What a tenant does about unsigned packages and about lists that have expired."""

    unsigned: str
    stale: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListRow:
    """The newest good list of a publisher; ``envelope`` is as it came."""

    publisher: str
    number: int
    expires_at: datetime
    envelope: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRow:
    """What the operator revokes: a package, or versions of a plugin."""

    id: str
    package_digest: str | None
    name: str | None
    versions: str | None
    reason: str
    revoked_at: datetime
    revoked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRow:
    """Who receives events: how many wait for it, and how many found no place."""

    tenant: str
    id: str
    name: str
    queued: int = 0
    dropped: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One event on its way to one receiver; ``state`` is ``pending``, ``running`` or ``dead``.

    Attributes:
        attempt: how often it was begun.
    """

    id: str
    position: int
    receiver_id: str
    state: str
    attempt: int
    not_before: datetime
    last_error: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An address of a host app that events are posted to.

    Attributes:
        topics: patterns of those that are.
        api_key_id: of the key whose rights it has.
        paused: whether it is disabled, and ``reason`` why.
        failures: in a row, the first of them at ``failing_since``.
        sealed: what it signs with, sealed by the data key ``key_id``.
    """

    id: str
    url: str
    topics: Sequence[str]
    description: str
    api_key_id: str
    key_id: str
    sealed: bytes
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    paused: bool = False
    reason: str = ""
    queued: int = 0
    dropped: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    last_success_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt to post an event.

    Attributes:
        status: of the response; None where there was none.
        response: the beginning of its body.
    """

    endpoint_id: str
    event_id: str
    topic: str
    attempt: int
    outcome: str
    status: int | None
    reason: str
    response: str
    milliseconds: int
    at: datetime
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AwareRow:
    """What a plugin keeps beside a row that is not its own.

    Attributes:
        kind, row_id: the row.
        plugin_metadata: an object.
        schema_version: of the schema that it fits.
        version: grows with each change.
        before, before_version: what it was before it was migrated, and by which schema.
        fault: why it could not be migrated; empty if it could, or need not.
    """

    plugin_id: str
    kind: str
    row_id: str
    plugin_metadata: Mapping[str, Any]
    schema_version: int
    version: int
    before: Mapping[str, Any] | None
    before_version: int | None
    fault: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """When a schedule of a plugin is due.

    Attributes:
        timing: what its ticks were worked out by.
        anchor: what the ticks of an interval count from.
        next_tick: the first that was not dealt with; None if there is none.
        due_at: when something is to be done about it.
        missed: how many ticks there was no run for.
        run_id: of the run that is under way.
        lease_owner, lease_until: who runs it, and until when nobody else does.
    """

    plugin_id: str
    name: str
    timing: str
    anchor: datetime
    next_tick: datetime | None
    due_at: datetime | None
    paused: bool = False
    missed: int = 0
    run_id: str | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of a schedule; ``state`` is ``running``, ``done``, ``failed`` or ``lost``.

    Attributes:
        cause: ``tick``, ``missed`` for a tick that is made up for, or ``operator``.
        tick: when it was to be; None if an operator asked for it.
        attempt: how often it was begun.
        detail: why it failed.
    """

    id: str
    plugin_id: str
    schedule: str
    cause: str
    tick: datetime | None
    began_at: datetime
    state: str = "running"
    attempt: int = 1
    ended_at: datetime | None = None
    detail: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRow:
    """A schedule that something is to be done about."""

    tenant: str
    plugin_id: str
    plugin: str
    schedule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A call that nobody waits for, without what was asked and answered.

    Attributes:
        plugin_id: of the plugin that was installed under that name when it was asked for.
        retry: how often it may be begun again whose host was lost; ``attempt`` how often it was.
        api_key_id: of the key whose rights it has; None if it needs none.
        notify: an endpoint that is told of its end, whatever its patterns.
        call_id: of its last call; who makes that call holds the job until ``lease_until``.
        error: the type of what it failed with.
    """

    id: str
    plugin: str
    plugin_id: str
    function: str
    state: str
    retry: int
    subject: str
    correlation_id: str
    created_at: datetime
    not_before: datetime
    request_bytes: int
    attempt: int = 0
    api_key_id: str | None = None
    traceparent: str | None = None
    notify: str | None = None
    call_id: str | None = None
    lease_until: datetime | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""
    outcome_bytes: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRow:
    """A job that is to be begun.

    Attributes:
        request: what was asked, as it is stored.
        scopes: of its key as it is now; None if it needs none.
        plugins: which that key may have to do with; None is all.
        is_revoked: whether that key is none any more.
    """

    job: JobRow
    request: bytes
    scopes: Sequence[str] | None
    plugins: Sequence[str] | None
    is_revoked: bool
