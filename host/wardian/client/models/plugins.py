"""Plugins: what is installed, how it stands, what it needs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.client.models.enhancements import AskedEnhancement
from wardian.client.models.pages import Tagged


class AskedPermission(msgspec.Struct, frozen=True, kw_only=True):
    """One permission a plugin asks for, and why."""

    permission: str
    reason: str
    optional: bool = False


class Health(msgspec.Struct, frozen=True, kw_only=True):
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


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """One permission that is asked for, as people review it.

    Attributes:
        reason: the author's.
        why: the risk, in the host's words.
        refused_by: the layer that refuses it as a whole; empty if it is granted: `manifest`,
            `grant`, `level` or `operator`.
        held: what is granted of it, where that is less than all.
        excluded: what the operator's exclusions take from it, where that is less than all.
        instead_of: the running version's permission that this one grew from or shrank to.
        risk: `low`, `medium`, `high` or `critical`.
        status: `granted`, `partly-granted`, `not-granted` or `never`.
        change: `same`, `new`, `widened`, `narrowed` or `removed`.
    """

    permission: str
    reason: str
    optional: bool
    risk: str
    why: str
    status: str
    refused_by: str | None
    held: list[str]
    excluded: list[str]
    change: str
    instead_of: str


class AskedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest has the host do by itself, as people review it.

    Attributes:
        when: the interval, or the cron expression and its time zone.
        does: a sentence.
    """

    name: str
    when: str
    missed: str
    does: str
    description: str


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's calls add up to, those of this moment included.

    Attributes:
        error_count: calls that were stopped, trapped or lost; a plugin's own errors are
            answers.
        avg_response_time: in seconds.
        success_rate: from 0 to 1.
    """

    total_requests: int
    error_count: int
    avg_response_time: float
    success_rate: float


class AskedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that a plugin receives, as its manifest has it.

    Attributes:
        credential: the name of the one that its signatures are verified with.
        event: the topic that it is published to; None if the plugin's handler is called.
        surface: all that a reviewer decides about, in one word; another one takes an approval.
    """

    name: str
    recipe: str
    credential: str
    event: str | None
    description: str
    surface: str


class Plugin(Tagged, frozen=True, kw_only=True):
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
    schedules: list[AskedSchedule]
    enhancements: list[AskedEnhancement]
    size_bytes: int
    health: Health
    statistics: Statistics
    signed: bool
    publisher: str | None
    key_id: str | None
    webhooks: list[AskedWebhook]
    warnings: list[str]


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was changed together with another."""

    name: str
    version: str
    state: str
    state_reason: str


class SwitchedPlugin(Plugin, frozen=True, kw_only=True):
    """A plugin that was enabled or disabled, and what was with it, in order."""

    also: list[Affected]


class HealthCheck(Health, frozen=True, kw_only=True):
    """What a health check found, and what the plugin's state is after it."""

    state: str
    state_reason: str


class InstalledBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What was installed, in order, and the versions that another was preferred to."""

    installed: list[Plugin]
    left_out: list[str]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that another needs.

    ``version`` and ``state`` are null if it is not installed. It is ``satisfied`` if it is, in a
    version of that range. ``shortened`` tells that its own needs stand elsewhere in the tree, or
    too deep to be shown.
    """

    name: str
    range: str
    version: str | None
    state: str | None
    satisfied: bool
    shortened: bool
    needs: list[Need]


class NeededBy(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that needs another; with the versions of that which it takes, as ``range``."""

    name: str
    range: str
    version: str
    state: str
    satisfied: bool
    shortened: bool
    needed_by: list[NeededBy]


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin needs, and what needs it.

    ``enabled_dependents`` are the plugins that would have to be disabled before it is, in order.
    """

    name: str
    version: str
    state: str
    needs: list[Need]
    needed_by: list[NeededBy]
    enabled_dependents: list[str]
