"""What the repositories take and give: frozen rows, no SQLAlchemy in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """One installed plugin. The documents are JSON values; services parse them."""

    id: str
    tenant: str
    name: str
    plugin_version: str
    digest: str
    level: str
    state: str
    state_reason: str
    manifest: Mapping[str, Any]
    description: Mapping[str, Any]
    installed_at: datetime
    installed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One API key, without the key."""

    id: str
    tenant: str
    name: str
    prefix: str
    digest: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what to what."""

    tenant: str
    time: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTotals:
    """What a plugin's calls add up to since they were last written down."""

    requests: int
    errors: int
    seconds: float
