"""The whole schema on a page. Every row belongs to a tenant."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in UTC on every database; SQLite has no time zones of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ToldText(TypeDecorator[str]):
    """Text that may have a guest's words in it: without NUL, which PostgreSQL does not take."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_POSITION = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up in SQLite


def _tenant(*, key: bool = False) -> Column[str]:
    reference = ForeignKey("tenants.name")
    return Column("tenant", String(64), reference, primary_key=key, nullable=False)


def _of_plugin() -> ForeignKeyConstraint:
    """What belongs to a plugin goes with it, and a call that outlives it can write nothing."""
    return ForeignKeyConstraint(
        ["tenant", "plugin_id"], ["plugins.tenant", "plugins.id"], ondelete="CASCADE"
    )


def _of_endpoint() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant", "endpoint_id"], ["endpoints.tenant", "endpoints.id"], ondelete="CASCADE"
    )


def _of_package() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant", "package_digest"], ["packages.tenant", "packages.digest"]
    )


def _of_publisher() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant", "publisher"], ["publishers.tenant", "publishers.name"], ondelete="CASCADE"
    )


tenants = Table(
    "tenants",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("rate", String(64)),  # own bounds on requests: on all of them, and on each key's
    Column("key_rate", String(64)),
)

api_keys = Table(
    "api_keys",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("description", Text, nullable=False, default="", server_default=""),
    Column("issued_at", UtcDateTime),  # when it got its present token, if not when it was made
    Column("expires_at", UtcDateTime, index=True),
    Column("expiry_told_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("old_digest", String(64), index=True),  # of the token before, which holds until then
    Column("old_until", UtcDateTime),
    Column("rate", String(64)),  # an own bound on its requests
    Column("plugins", JSON(none_as_null=True)),  # those that it may have to do with, unless all
    Column("networks", JSON(none_as_null=True)),  # those that it may be used from, unless all
)

packages = Table(
    "packages",
    metadata,
    _tenant(key=True),
    Column("digest", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),  # of the component
    Column("created_at", UtcDateTime, nullable=False),
    Column("component_digest", String(64), nullable=False),
    Column("publisher", String(64)),  # whose key signed it; NULL if it came unsigned
    Column("key_id", String(64)),
    Column("envelope", Text),  # the signature as it was delivered: DSSE, JSON
)

plugins = Table(
    "plugins",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("plugin_version", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("level", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", ToldText, nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("description", JSON, nullable=False),
    Column("installed_at", UtcDateTime, nullable=False),
    Column("installed_by", String(200), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("schema_version", Integer, nullable=False, default=1),
    Column("migration_path", JSON, nullable=False, default=list),
    Column("rollback_data", JSON(none_as_null=True)),
    Column("health_status", String(16), nullable=False, default="unknown"),
    Column("last_health_check", UtcDateTime),
    Column("error_count", BigInteger, nullable=False, default=0),
    Column("total_requests", BigInteger, nullable=False, default=0),
    Column("avg_response_time", Float, nullable=False, default=0.0),  # seconds
    Column("success_rate", Float, nullable=False, default=1.0),  # 0 to 1
    Column("plugin_metadata", JSON, nullable=False, default=dict),
    Column("version", Integer, nullable=False, default=1),  # of the row, for optimistic locking
    Column("package_digest", String(64), nullable=False),
    Column("health_detail", ToldText, nullable=False, default=""),
    Column("health_failures", Integer, nullable=False, default=0),  # in a row
    Column("health_successes", Integer, nullable=False, default=0),  # in a row
    Column("degraded_by", String(16), nullable=False, default=""),  # what made it degraded
    Column("monitored", Boolean, nullable=False, default=False),
    Column("recorded", Integer, nullable=False, default=0),  # how many calls are kept for replay
    UniqueConstraint("tenant", "name"),
    _of_package(),
)

# Every version of a plugin that is kept, the one in use too.
versions = Table(
    "versions",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("package_digest", String(64), primary_key=True),
    Column("plugin_version", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("level", String(16), nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("description", JSON, nullable=False),
    Column("installed_at", UtcDateTime, nullable=False),
    Column("installed_by", String(200), nullable=False),
    _of_plugin(),
    _of_package(),
)

# The highest version that a tenant ever had of a name: it outlives the plugin, so that an older one
# cannot be slipped in after an uninstall.
seen_versions = Table(
    "seen_versions",
    metadata,
    _tenant(key=True),
    Column("name", String(64), primary_key=True),
    Column("plugin_version", String(128), nullable=False),
    Column("package_digest", String(64), nullable=False),
    Column("publisher", String(64)),
    Column("seen_at", UtcDateTime, nullable=False),
)

# One row for each upgrade and rollback, written before it begins: what a start finds `running` was
# killed in the middle.
upgrades = Table(
    "upgrades",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("plugin_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("from_version", String(128), nullable=False),
    Column("to_version", String(128), nullable=False),
    Column("from_package", String(64), nullable=False),
    Column("to_package", String(64), nullable=False),
    Column("step", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", ToldText, nullable=False),
    Column("migrated", Boolean, nullable=False),
    Column("report", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("actor", String(200), nullable=False),
    _of_plugin(),
    Index(None, "tenant", "plugin_id"),
)

# A plugin's entries as they were before an upgrade let its new version change them.
kv_snapshots = Table(
    "kv_snapshots",
    metadata,
    _tenant(key=True),
    Column("upgrade_id", String(36), primary_key=True),
    Column("key", LargeBinary(512), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires_at", BigInteger),
    ForeignKeyConstraint(
        ["tenant", "upgrade_id"], ["upgrades.tenant", "upgrades.id"], ondelete="CASCADE"
    ),
)

grants = Table(
    "grants",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("permission", String(512), primary_key=True),
    Column("granted_at", UtcDateTime, nullable=False),
    Column("granted_by", String(200), nullable=False),
    _of_plugin(),
)

# What one origin sets in one scope, which is a plugin's name, or empty for all of the tenant's.
# Files may speak of a plugin that is not installed.
config_scopes = Table(
    "config_scopes",
    metadata,
    _tenant(key=True),
    Column("scope", String(64), primary_key=True),
    Column("origin", String(8), primary_key=True),
    Column("plugin_id", String(36)),
    Column("layers", JSON, nullable=False),  # settings by slot
    Column("origins", JSON, nullable=False),  # by slot and path: who set it, and when
    Column("version", Integer, nullable=False),  # counts changes, for optimistic locking
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(200), nullable=False),
    _of_plugin(),
)

# The settings of a layer before and after each of its last changes.
config_history = Table(
    "config_history",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("scope", String(64), nullable=False),
    Column("origin", String(8), nullable=False),
    Column("plugin_id", String(36)),
    Column("layer", String(16), nullable=False),
    Column("environment", String(16)),  # of the layer `environment` only
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String(200), nullable=False),
    _of_plugin(),
    Index(None, "tenant", "scope", "position"),
    sqlite_autoincrement=True,
)

# Keys and values are bytes: their order and length are then the same on every database, and
# text with a NUL, which PostgreSQL refuses, fits too.
kv = Table(
    "kv",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("key", LargeBinary(512), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires_at", BigInteger),  # Unix milliseconds
    _of_plugin(),
    Index(None, "tenant", "plugin_id", "expires_at"),
)

kv_usage = Table(
    "kv_usage",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("used_bytes", BigInteger, nullable=False),
    Column("used_keys", BigInteger, nullable=False),
    _of_plugin(),
)

events = Table(
    "events",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("topic", String(200), nullable=False),
    Column("source", String(200), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("correlation_id", String(200), nullable=False),
    Column("key", String(256)),
    Column("attempt", Integer, nullable=False, default=1),
    Column("data", Text, nullable=False),
    Column("hops", Integer, nullable=False, default=0),  # how many events led to it
    Column("origin", String(36)),  # the id of the first of them
    Index(None, "tenant", "position"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("time", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("key_id", String(36), nullable=False),
    Column("address", String(64), nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("layer", String(80), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "tenant", "sequence", unique=True),
    sqlite_autoincrement=True,
)

publishers = Table(
    "publishers",
    metadata,
    _tenant(key=True),
    Column("name", String(64), primary_key=True),
    # The names, or patterns of them, that it may sign; JSON's null for one that was removed, of
    # which revoked keys and the list of revocations stay known.
    Column("plugins", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
)

publisher_keys = Table(
    "publisher_keys",
    metadata,
    _tenant(key=True),
    Column("key_id", String(64), primary_key=True),
    Column("publisher", String(64), nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    _of_publisher(),
)

trust_policies = Table(
    "trust_policies",
    metadata,
    _tenant(key=True),
    Column("unsigned", String(16), nullable=False),
    Column("stale", String(16), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(200), nullable=False),
)

# The newest good list of each publisher.
revocation_lists = Table(
    "revocation_lists",
    metadata,
    _tenant(key=True),
    Column("publisher", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    _of_publisher(),
)

# What the operator revokes.
revocations = Table(
    "revocations",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("package_digest", String(64)),
    Column("name", String(64)),
    Column("versions", String(128)),
    Column("reason", Text, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=False),
    Column("revoked_by", String(200), nullable=False),
)

# What a monitored plugin used its permissions for; `refused_by` is empty where it was allowed.
permission_uses = Table(
    "permission_uses",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("permission", String(512), primary_key=True),
    Column("refused_by", String(16), primary_key=True),
    Column("uses", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("last_call_id", String(200), nullable=False),
    _of_plugin(),
)

# Calls that can be run again: arguments, answers of the host, result.
recordings = Table(
    "recordings",
    metadata,
    _tenant(key=True),
    Column("call_id", String(200), primary_key=True),
    Column("plugin_id", String(36), nullable=False),
    Column("plugin_version", String(128), nullable=False),
    Column("package_digest", String(64), nullable=False),
    Column("function", String(512), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    _of_plugin(),
    Index(None, "tenant", "plugin_id", "recorded_at"),
)

# What plugins keep beside rows that are not theirs: the host's, or a host app's, which only that
# app knows of. So there is no reference to the row, and whoever removes one says so.
plugin_aware_rows = Table(
    "plugin_aware_rows",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("row_id", String(200), primary_key=True),
    Column("plugin_metadata", JSON, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("before", JSON, nullable=True),
    Column("before_version", Integer, nullable=True),
    Column("fault", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(200), nullable=False),
    _of_plugin(),
    Index(None, "tenant", "kind", "row_id"),
    Index(None, "tenant", "plugin_id", "kind", "schema_version"),
)

# A tenant's keys, each wrapped by a root key that no table holds. Old ones still open what they
# sealed.
data_keys = Table(
    "data_keys",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("number", Integer, nullable=False),  # counts up within the tenant
    Column("state", String(16), nullable=False),
    Column("root_key", String(128), nullable=False),  # the id of the key that wraps it
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealings", BigInteger, nullable=False, default=0),  # how often it has encrypted
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("tenant", "number"),
)

# What plugins use and never see. `public` is what may be shown of a credential, `bound` where it
# may go; `sealed` is the rest, and nothing but the vault opens it.
credentials = Table(
    "credentials",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("plugin_id", String(36)),  # whose it is; NULL if it is any plugin's of the tenant
    Column("owner", String(64), nullable=False),  # the same, as it is authenticated
    Column("name", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("description", Text, nullable=False),
    Column("public", JSON, nullable=False),
    Column("bound", JSON, nullable=False),
    Column("key_id", String(36), nullable=False),
    Column("version", Integer, nullable=False),  # counts up with each new value
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("rotate_days", Integer),
    Column("rotated_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("last_used_at", UtcDateTime),
    UniqueConstraint("tenant", "owner", "name"),
    ForeignKeyConstraint(["tenant", "key_id"], ["data_keys.tenant", "data_keys.id"]),
    _of_plugin(),
    Index(None, "tenant", "key_id"),
)

# People who are away at an OAuth provider, giving their consent.
oauth_flows = Table(
    "oauth_flows",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("state_digest", String(64), nullable=False, unique=True),
    Column("browser_digest", String(64), nullable=False),
    Column("client_id", String(36), nullable=False),  # the credential that is the OAuth client
    Column("plugin_id", String(36)),  # whose the tokens will be
    Column("name", String(64), nullable=False),  # what the tokens will be called
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("key_id", String(36), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the verifier
    Column("started_by", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "client_id"], ["credentials.tenant", "credentials.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["tenant", "key_id"], ["data_keys.tenant", "data_keys.id"]),
    _of_plugin(),
)

# A plugin that events wait for, once there was one. Whoever queues an event for it, or takes some
# out, holds this row.
subscribers = Table(
    "subscribers",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("queued", BigInteger, nullable=False, default=0),
    Column("dropped", BigInteger, nullable=False, default=0),
    Column("paused", Boolean, nullable=False, default=False),
    _of_plugin(),
)

# Events that plugins are still to handle, and dead letters. What was handled is no more.
deliveries = Table(
    "deliveries",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("plugin_id", String(36), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("key", String(256)),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),  # how often it was begun
    Column("not_before", UtcDateTime, nullable=False),
    Column("lease_owner", String(36)),
    Column("lease_until", UtcDateTime),
    Column("last_error", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    _of_plugin(),
    Index(None, "tenant", "plugin_id", "state", "position"),
    Index(None, "tenant", "plugin_id", "key", "position"),
    Index(None, "tenant", "event_id"),
    sqlite_autoincrement=True,
)

# Where a host app wants events posted to, and what waits for it there. Whoever queues an event for
# it, or takes some out, holds this row.
endpoints = Table(
    "endpoints",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("url", Text, nullable=False),
    Column("topics", JSON, nullable=False),  # patterns, as those of streams
    Column("description", Text, nullable=False),
    Column("api_key_id", String(36), nullable=False),  # whose rights it has
    Column("paused", Boolean, nullable=False, default=False),  # because it is disabled
    Column("reason", Text, nullable=False, default=""),
    Column("queued", BigInteger, nullable=False, default=0),
    Column("dropped", BigInteger, nullable=False, default=0),
    Column("failures", BigInteger, nullable=False, default=0),  # in a row
    Column("failing_since", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    Column("key_id", String(36), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # what it signs with
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(200), nullable=False),
    ForeignKeyConstraint(["tenant", "api_key_id"], ["api_keys.tenant", "api_keys.id"]),
    ForeignKeyConstraint(["tenant", "key_id"], ["data_keys.tenant", "data_keys.id"]),
    Index(None, "tenant", "api_key_id"),
    Index(None, "tenant", "key_id"),
)

# Events that are still to be posted, and dead letters; as `deliveries` to plugins.
endpoint_deliveries = Table(
    "endpoint_deliveries",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("endpoint_id", String(36), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("key", String(256)),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),  # how often it was begun
    Column("not_before", UtcDateTime, nullable=False),
    Column("lease_owner", String(36)),
    Column("lease_until", UtcDateTime),
    Column("last_error", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    _of_endpoint(),
    Index(None, "tenant", "endpoint_id", "state", "position"),
    Index(None, "tenant", "endpoint_id", "key", "position"),
    Index(None, "tenant", "event_id"),
    sqlite_autoincrement=True,
)

# How the last deliveries to an endpoint went.
endpoint_attempts = Table(
    "endpoint_attempts",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("endpoint_id", String(36), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),  # NULL where there was no response
    Column("reason", ToldText, nullable=False),
    Column("response", ToldText, nullable=False),  # the beginning of its body
    Column("milliseconds", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    _of_endpoint(),
    Index(None, "tenant", "endpoint_id", "position"),
    sqlite_autoincrement=True,
)

# When schedules of plugins are due. A row that has a run is taken until the run ends, or its lease.
schedules = Table(
    "schedules",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("timing", String(256), nullable=False),  # that its ticks were worked out by
    Column("anchor", UtcDateTime, nullable=False),  # what the ticks of an interval count from
    Column("next_tick", UtcDateTime),  # the first that was not dealt with; NULL if there is none
    Column("due_at", UtcDateTime),  # when something is to be done about that
    Column("paused", Boolean, nullable=False, default=False),
    Column("missed", BigInteger, nullable=False, default=0),
    Column("run_id", String(36)),
    Column("lease_owner", String(36)),
    Column("lease_until", UtcDateTime),
    _of_plugin(),
    Index(None, "due_at"),
    Index(None, "lease_until"),
)

schedule_runs = Table(
    "schedule_runs",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("plugin_id", String(36), nullable=False),
    Column("schedule", String(64), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("tick", UtcDateTime),  # NULL for a run that an operator asked for
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("detail", ToldText, nullable=False, default=""),  # why it failed
    ForeignKeyConstraint(
        ["tenant", "plugin_id", "schedule"],
        ["schedules.tenant", "schedules.plugin_id", "schedules.name"],
        ondelete="CASCADE",
    ),
    UniqueConstraint("tenant", "plugin_id", "schedule", "tick"),
    Index(None, "tenant", "plugin_id", "schedule", "position"),
    sqlite_autoincrement=True,
)

# Deliveries of webhooks that are being handled, or were: the same one is not handled again before
# `until`, when a lease ends or what was handled is forgotten.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("webhook", String(64), primary_key=True),
    Column("mark", String(64), primary_key=True),  # a digest of what tells it from others
    Column("claim", String(36), nullable=False),  # whose it is to settle
    Column("status", Integer),  # what was answered; NULL while it is being handled
    Column("received_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    _of_plugin(),
    Index(None, "tenant", "claim"),
    Index(None, "tenant", "until"),
    Index(None, "tenant", "plugin_id", "received_at"),
)

# What became of the requests of each webhook, by outcome.
webhook_counts = Table(
    "webhook_counts",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("webhook", String(64), primary_key=True),
    Column("outcome", String(32), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    _of_plugin(),
)

# Requests with an `Idempotency-Key`: a row without a status is being carried out, or was when its
# host was killed. The answer is sealed with a key that only who asked can make again.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _tenant(key=True),
    Column("api_key_id", String(36), primary_key=True),
    Column("mark", String(64), primary_key=True),  # a digest of the key
    Column("claim", String(36), nullable=False),
    Column("request", String(64), nullable=False),  # a digest of what was asked
    Column("status", Integer),
    Column("sealed", LargeBinary),  # NULL where the answer is not kept
    Column("size", Integer, nullable=False, default=0),  # of `sealed`
    Column("lease_owner", String(36)),
    Column("lease_until", UtcDateTime),
    Column("until", UtcDateTime, nullable=False),
    Index(None, "tenant", "until"),
    Index(None, "lease_owner"),
)

# How many of the rows above each API key has, and what they take, so that nobody has to count.
idempotency_totals = Table(
    "idempotency_totals",
    metadata,
    _tenant(key=True),
    Column("api_key_id", String(36), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

# What calls used, added up by minute, hour and day; see decision 43.
usage = Table(
    "usage",
    metadata,
    _tenant(key=True),
    Column("grain", String(8), primary_key=True),  # minute, hour or day
    Column("start", UtcDateTime, primary_key=True),
    Column("series", String(32), primary_key=True),  # a digest of the next five
    Column("plugin", String(64), nullable=False),
    Column("version", String(128), nullable=False),
    Column("function", String(200), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("prices", String(200), nullable=False),  # that were in force
    Column("calls", BigInteger, nullable=False),
    Column("asked", BigInteger, nullable=False),  # of these, from outside
    Column("wall_us", BigInteger, nullable=False),
    Column("fuel", BigInteger, nullable=False),
    Column("memory_bytes", BigInteger, nullable=False),  # the highest peak
    Column("memory_kib_ms", BigInteger, nullable=False),
    Column("host_calls", BigInteger, nullable=False),
    Column("http_requests", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("latency", LargeBinary, nullable=False),  # a sketch
    Index(None, "grain", "start"),
)

# What tenants used of their quotas, by day in UTC.
usage_days = Table(
    "usage_days",
    metadata,
    _tenant(key=True),
    Column("day", Integer, primary_key=True),  # since 1970
    Column("calls", BigInteger, nullable=False),
    Column("fuel", BigInteger, nullable=False),
    Column("egress_bytes", BigInteger, nullable=False),
    Column("told", Integer, nullable=False, default=0),  # which events were, a bit each
    Index(None, "day"),
)

# Up to where each host's ledger was added to these.
usage_ledgers = Table(
    "usage_ledgers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("folded_at", UtcDateTime, nullable=False),
)

# Quotas that are not the host's own for all tenants.
tenant_quotas = Table(
    "tenant_quotas",
    metadata,
    _tenant(key=True),
    Column("overrides", JSON, nullable=False),  # an amount by name; null has no bound
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String(200), nullable=False),
)

# Calls that somebody asked for and did not wait for. What was asked goes when a job ends; its row
# stays for a while, so that its outcome can be had.
jobs = Table(
    "jobs",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("plugin", String(64), nullable=False),
    Column("plugin_id", String(36), nullable=False),  # no reference: a job outlives its plugin
    Column("function", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("retry", Integer, nullable=False),  # how often it may be begun again
    Column("attempt", Integer, nullable=False, default=0),  # how often it was begun
    Column("subject", String(200), nullable=False),
    Column("api_key_id", String(36)),  # whose rights it has; NULL if it needs none
    Column("correlation_id", String(200), nullable=False),
    Column("traceparent", String(256)),
    Column("notify", String(36)),  # an endpoint that is told of its end
    Column("call_id", String(36)),  # of its last call, and who holds the lease
    Column("lease_until", UtcDateTime),
    Column("not_before", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("began_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("error", String(64), nullable=False, default=""),  # the type of what it failed with
    Column("request", LargeBinary),  # MessagePack: arguments and limits
    Column("request_bytes", BigInteger, nullable=False),
    Column("outcome", LargeBinary),  # MessagePack: result or error, usage, terms
    Column("outcome_bytes", BigInteger, nullable=False, default=0),
    Index(None, "tenant", "position"),
    Index(None, "tenant", "state", "position"),
    Index(None, "state", "tenant", "position"),
    Index(None, "state", "lease_until"),
    sqlite_autoincrement=True,
)

# How well each agent is, as far as hosts have to agree on it; see decision 50.
agent_breakers = Table(
    "agent_breakers",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),  # closed, open or half-open
    Column("reason", ToldText, nullable=False, default=""),
    Column("failures", Integer, nullable=False, default=0),  # in a row, when it opened
    Column("opens", Integer, nullable=False, default=0),  # in a row, without an answer between
    Column("since", UtcDateTime),
    Column("ill_since", UtcDateTime),  # when it first opened, with no answer since
    Column("open_until", UtcDateTime),
    Column("trial_by", String(36)),  # who alone may ask it once
    Column("trial_until", UtcDateTime),
    Column("heard_at", UtcDateTime),  # when somebody's question to it last ended, about
    Column("probed_at", UtcDateTime),
    Column("probe", ToldText, nullable=False, default=""),  # what came of that; empty is well
    _of_plugin(),
    Index(None, "state"),
)

# What askers think of answers; of one answer each has one opinion.
agent_feedback = Table(
    "agent_feedback",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("ask", String(36), nullable=False),
    Column("plugin_id", String(36), nullable=False),
    Column("version", String(128), nullable=False),
    Column("capability", String(200), nullable=False),
    Column("score", Float),
    Column("label", String(64), nullable=False),
    Column("comment", ToldText, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("counts", Boolean, nullable=False),  # in what is known of the agent
    Column("halvings", Float, nullable=False),  # of that, when it was given
    _of_plugin(),
    UniqueConstraint("tenant", "ask", "by"),
    Index(None, "tenant", "at"),
    Index(None, "tenant", "plugin_id", "by", "at"),
)

# Two versions of an agent that answer by turns.
agent_trials = Table(
    "agent_trials",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("id", String(36), nullable=False),
    Column("active_version", String(128), nullable=False),
    Column("active_package", String(64), nullable=False),
    Column("other_version", String(128), nullable=False),
    Column("other_package", String(64), nullable=False),
    Column("share", Float, nullable=False),  # of questions that go to the other version
    Column("confidence", Float, nullable=False),  # with which it is decided
    Column("ends", Boolean, nullable=False),  # by itself, as soon as it is decided
    Column("since", UtcDateTime, nullable=False),
    Column("by", String(200), nullable=False),
    Column("ended_at", UtcDateTime),
    Column("why", Text, nullable=False, default=""),  # it ended
    Column("decided_at", UtcDateTime),
    Column("better", String(8)),  # active or other, once it is decided
    _of_plugin(),
)

agent_trial_arms = Table(
    "agent_trial_arms",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("arm", String(8), primary_key=True),  # active or other
    Column("asked", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("weight", Float, nullable=False),  # of scores
    Column("total", Float, nullable=False),  # of scores by their weights
    Column("latency_ms", Float, nullable=False),  # of all that were answered
    Column("cost_nanos", Float, nullable=False),  # together more than an integer may hold
    ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["agent_trials.tenant", "agent_trials.plugin_id"],
        ondelete="CASCADE",
    ),
)

# What tenants asked agents, without what was asked and answered.
asks = Table(
    "asks",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=True),
    _tenant(),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", UtcDateTime, nullable=False),
    Column("capability", String(200), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("agent", String(64), nullable=False),  # who answered, or was asked last; may be empty
    Column("plugin_id", String(36), nullable=False),  # no reference: an ask outlives its agent
    Column("version", String(128), nullable=False),
    Column("capability_version", String(200), nullable=False),
    Column("ending", String(32), nullable=False),  # `answered`, or the type of the error
    Column("strategy", String(64), nullable=False),
    Column("rule", String(200)),
    Column("cost_nanos", BigInteger, nullable=False),  # of all attempts
    Column("units", BigInteger, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("arm", String(128)),  # the version that a trial chose; NULL if there was none
    Column("attempts", JSON, nullable=False),
    Index(None, "tenant", "position"),
    Index(None, "tenant", "subject", "position"),  # for who sees its own alone
    Index(None, "tenant", "at"),
    sqlite_autoincrement=True,
)

# What tenants may spend on agents.
agent_budgets = Table(
    "agent_budgets",
    metadata,
    _tenant(key=True),
    Column("capability", String(200), primary_key=True),  # `*` is all
    Column("period", String(8), primary_key=True),  # hour, day, month or ever
    Column("limit_nanos", BigInteger, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String(200), nullable=False),
)

# What they have spent, by budget and period.
agent_spending = Table(
    "agent_spending",
    metadata,
    _tenant(key=True),
    Column("capability", String(200), primary_key=True),
    Column("period", String(8), primary_key=True),
    Column("start", UtcDateTime, primary_key=True),
    Column("spent_nanos", BigInteger, nullable=False),
)

# What is set aside for questions under way. A hold whose host says nothing of it any more has
# become spent: nobody knows what the question cost.
agent_holds = Table(
    "agent_holds",
    metadata,
    _tenant(key=True),
    Column("id", String(36), primary_key=True),
    Column("host", String(36), nullable=False),
    Column("capability", String(200), nullable=False),
    Column("nanos", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    Index(None, "host"),
    Index(None, "lease_until"),
)

# What an operator has set of an agent in place of what its manifest says.
agents = Table(
    "agents",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("overrides", JSON, nullable=False),  # priority, tags, cost, limits; see `agents.changes`
    Column("paused", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String(200), nullable=False),
    _of_plugin(),
)

# What was seen of the versions of agents, by capability: sums that decay; see decision 48.
agent_measures = Table(
    "agent_measures",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("version", String(128), primary_key=True),
    Column("capability", String(200), primary_key=True),
    Column("as_of", Float, nullable=False),  # seconds since 1970
    Column("good", Float, nullable=False),
    Column("bad", Float, nullable=False),
    Column("answered", Float, nullable=False),
    Column("failed", Float, nullable=False),
    Column("units", Float, nullable=False),
    Column("timed", Float, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("halvings", Float, nullable=False),  # of what made room for what is newer
    Column("written_at", Float, nullable=False),  # by the database's clock
    _of_plugin(),
    Index(None, "written_at"),
)

# How many questions agents answer on each host.
agent_loads = Table(
    "agent_loads",
    metadata,
    _tenant(key=True),
    Column("plugin_id", String(36), primary_key=True),
    Column("host", String(36), primary_key=True),
    Column("in_flight", Integer, nullable=False),
    Column("at", Float, nullable=False),  # by the database's clock
    _of_plugin(),
)

# By which rules tenants' agents are chosen.
agent_rules = Table(
    "agent_rules",
    metadata,
    _tenant(key=True),
    Column("rules", JSON, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String(200), nullable=False),
)
