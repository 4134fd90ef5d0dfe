"""Configurations: their values, where these come from, and how they changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ConfigFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why values cannot be taken.

    Attributes:
        plugin: whose schema refuses them.
        path: of the value.
    """

    plugin: str
    message: str
    path: str | None = None


class ConfigJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would come to; nothing of it was done.

    Attributes:
        configuration: as it would be; as it is, if the change is not valid.
        changed: the paths of the values of the layer that would differ.
        plugins: those whose configuration would differ.
        warnings: what is allowed and looks wrong.
    """

    valid: bool
    faults: list[ConfigFault]
    warnings: list[str]
    configuration: dict[str, Any]
    changed: list[str]
    plugins: list[str]


class GivenValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value, and where it came from.

    Attributes:
        scope: whether it was set for the plugin or for all of the tenant's: `plugin` or
            `tenant`.
        environment: of the layer ``environment``: `development`, `staging` or `production`.
        set_by, set_at: None where nobody knows, as of the manifest's own.
        file, line: of a value that came from one.
        layer: `defaults`, `environment`, `user` or `runtime`.
        origin: `manifest`, `file` or `api`.
    """

    value: Any
    layer: str
    origin: str
    scope: str
    environment: str | None = None
    set_by: str | None = None
    set_at: datetime | None = None
    file: str | None = None
    line: int | None = None


class ExplainedValue(GivenValue, frozen=True, kw_only=True):
    """One value that is in force.

    Attributes:
        key: its path, written for people.
        overrides: what lies under it, the nearest first.
    """

    key: str
    path: list[str]
    overrides: list[GivenValue]


class FileFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file's values are not in force; those of its last good state are.

    Attributes:
        since: when this was first met.
    """

    file: str
    message: str
    since: datetime
    plugin: str | None = None
    path: str | None = None
    line: int | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Every value of a configuration with where it came from.

    Attributes:
        plugin: None for the values that are tenant-wide.
        version: to send with a change.
        faults: of files that concern the tenant.
        environment: `development`, `staging` or `production`.
    """

    plugin: str | None
    environment: str
    version: int
    values: list[ExplainedValue]
    faults: list[FileFault]


class ValueChange(msgspec.Struct, frozen=True, kw_only=True):
    """One value before and after a change; one that was not there has no member for it."""

    path: list[str]
    key: str
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a layer.

    Attributes:
        id: to go back to the layer as it was after this change.
        layer: `defaults`, `environment`, `user` or `runtime`.
        environment: `development`, `staging` or `production`.
        origin: `manifest`, `file` or `api`.
    """

    id: int
    layer: str
    environment: str | None
    origin: str
    changed_at: datetime
    changed_by: str
    note: str
    changes: list[ValueChange]


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the newest first.

    Attributes:
        next: what to pass as ``before`` for more; None at the end.
    """

    entries: list[HistoryEntry]
    next: int | None


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a tenant's file.

    Attributes:
        file: None if this host reads none.
        changed: the paths of what changed, a plugin's after its name.
        waiting: plugins that the file speaks of and that are not installed.
        environment: `development`, `staging` or `production`.
    """

    file: str | None
    environment: str
    changed: list[str]
    waiting: list[str]
    faults: list[FileFault]


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Values, and which state of them it is.

    Attributes:
        values: an object by key; or the one value that was asked for.
        etag: to send as ``if_match`` with a change that is made from this.
    """

    values: Any
    etag: str
