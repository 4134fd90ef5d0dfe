"""Versions, upgrades, and what they change."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.client.models.enhancements import EnhancementChange
from wardian.client.models.plugins import Plugin, Reviewed
from wardian.client.models.recordings import Replay


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a plugin that is kept."""

    version: str
    package_digest: str
    digest: str
    level: str
    installed_at: datetime
    installed_by: str
    in_use: bool


class MigrationStep(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the new version's ``migrate``."""

    from_version: str
    to_version: str
    description: str = ""


class UpgradeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One upgrade or rollback in a plugin's history."""

    id: str
    kind: str
    from_version: str
    to_version: str
    outcome: str
    step: str
    reason: str
    migrated: bool
    migrations: list[MigrationStep]
    actor: str
    started_at: datetime
    ended_at: datetime | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        subject: the function or import, by its full name.
        place: where in it: a parameter or the result, and the way to the part that differs;
            empty if it is the whole.
        kind: what happened to it: `added`, `removed`, `widened`, `narrowed` or `changed`.
        breaking: whether who called the old version may fail with the new one.
        text: the same as a sentence.
    """

    subject: str
    place: str
    kind: str
    breaking: bool
    text: str


class Dependent(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that needs the one that is upgraded, and whether it takes the new version.

    One that is not enabled does not stop the upgrade, and is not enabled after it if it does not.
    """

    name: str
    version: str
    state: str
    range: str
    takes_it: bool


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """What stops an upgrade.

    Attributes:
        type: of the error that it would be.
    """

    step: str
    type: str
    detail: str


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last recordings of a plugin, run by a version that may take its place.

    Attributes:
        same: whether every one was run, and did what it had done.
        replayed, different: how many ran, and how many of these did something else.
        left_out: how many there was no time for.
    """

    version: str
    same: bool
    replayed: int
    different: int
    left_out: int
    outcomes: list[Replay]


class Widening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a new version asks for and the old one did not cover.

    Attributes:
        wanted: the permission, level or scope.
        before: what the old version had in its place; empty if nothing.
        reason: the author's, for a permission.
        text: the same as a sentence.
        subject: `permission`, `sandbox_level`, `required_scope`, `oauth_scope` or `webhook`.
        risk: `low`, `medium`, `high` or `critical`.
    """

    subject: str
    wanted: str
    before: str
    risk: str
    why: str
    reason: str
    text: str


class UpgradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one version of a plugin changes from another.

    Attributes:
        advice, next_version: the part of the version that semantic versioning asks to grow,
            and the first version that says so.
        breaking: whether callers of the old version may fail with the new one.
        announced: whether the new version's number says as much.
        changes: of functions and imports.
        new_permissions, dropped_permissions: what the new version asks for beside what the old
            one did, and the other way round.
        widened: all that it newly asks for, also a level that trusts more and further scopes.
        needs_approval: the same as text: what an approval names.
        review: every permission, with its risk and its difference to the old version.
        migrations: the calls of ``migrate`` that bring the stored data along.
        enhancements: what the host does otherwise around its functions.
        dependents: the plugins that need this one.
        warnings: about who signed it, and imports that nobody asked for.
        replay: what the new version did with calls that were recorded, if any were to be
            replayed.
        obstacles: what stops the upgrade as it was asked for; none if nothing does.
    """

    name: str
    from_version: str
    to_version: str
    from_level: str
    to_level: str
    advice: str
    next_version: str
    breaking: bool
    announced: bool
    changes: list[Change] = []
    new_permissions: list[str] = []
    dropped_permissions: list[str] = []
    widened: list[Widening] = []
    needs_approval: list[str] = []
    review: list[Reviewed] = []
    migrations: list[MigrationStep] = []
    enhancements: list[EnhancementChange] = []
    dependents: list[Dependent] = []
    warnings: list[str] = []
    replay: ReplayReport | None = None
    obstacles: list[Obstacle] = []


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin after an upgrade, and what that changed."""

    plugin: Plugin
    report: UpgradeReport
