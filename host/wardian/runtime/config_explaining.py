"""Where each value of a configuration came from, and how it came to be what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from wardian.config.layers import SET_LAYERS, Given, given
from wardian.config.paths import NOTHING, Path, changed, value_at, values_in
from wardian.config.secrets import without_secrets
from wardian.config.values import overlaid
from wardian.plugins import Installed
from wardian.policy.layers import PLACES, TENANT_WIDE, ConfigLayer, Environment, Origin, slot
from wardian.runtime.config_changes import path_key
from wardian.runtime.config_judging import written
from wardian.runtime.config_reading import FilePlace
from wardian.runtime.config_views import ExplainedValue, GivenValue, HistoryEntry, ValueChange
from wardian.storage.rows import ConfigChangeRow, ScopeRow


@dataclass(frozen=True, slots=True)
class Traced:
    """One scope's rows, by whether they are tenant-wide and by origin, and where the file is."""

    rows: Mapping[tuple[bool, str], ScopeRow]
    environment: Environment
    file: FilePlace

    @classmethod
    def of(cls, rows: Iterable[ScopeRow], environment: Environment, file: FilePlace) -> Traced:
        """Arrange rows."""
        return cls({(row.scope == TENANT_WIDE, row.origin): row for row in rows}, environment, file)

    def value(self, source: Given, path: Path, value: Any) -> GivenValue:
        """Say of a value of a source what is known of it."""
        is_file = source.origin is Origin.FILE
        row = self.rows.get((source.tenant_wide, source.origin.value))
        known = {} if row is None else _known(row, slot(source.layer, self.environment), path)
        return GivenValue(
            value=value,
            layer=source.layer,
            origin=source.origin,
            scope="tenant" if source.tenant_wide else "plugin",
            environment=self.environment if source.layer is ConfigLayer.ENVIRONMENT else None,
            set_by=known.get("by") or None,
            set_at=datetime.fromisoformat(known["at"]) if "at" in known else None,
            file=self.file.name if is_file else None,
            line=self.file.line(row.scope, path) if is_file and row is not None else None,
        )


def explained(plugin: Installed, traced: Traced) -> list[ExplainedValue]:
    """Explain every value of a plugin's configuration, in the order of their paths.

    What its schema or its name calls a secret is not shown.
    """
    manifest = plugin.manifest
    defaults = Given(ConfigLayer.DEFAULTS, Origin.MANIFEST, False, manifest.default_config)
    over = given(plugin.documents, traced.environment, manifest.config_schema)
    return _explained([defaults, *over], traced, manifest.config_schema)


def explained_tenant_wide(traced: Traced) -> list[ExplainedValue]:
    """Explain the values that are tenant-wide."""
    found: list[Given] = []
    for layer in SET_LAYERS:
        name = slot(layer, traced.environment)
        for tenant_wide, origin in PLACES:
            row = traced.rows.get((True, origin.value)) if tenant_wide else None
            if row is not None and row.layers.get(name):
                found.append(Given(layer, origin, True, row.layers[name]))
    return _explained(found, traced, None)


def entry_of(position: int, row: ConfigChangeRow, schema: Mapping[str, Any] | None) -> HistoryEntry:
    """Describe a change, without what is secret in it."""
    differing = list(changed(row.before, row.after))
    before, after = without_secrets(schema, row.before), without_secrets(schema, row.after)
    return HistoryEntry(
        id=position,
        layer=ConfigLayer(row.layer),
        environment=None if row.environment is None else Environment(row.environment),
        origin=Origin(row.origin),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        note=row.note,
        changes=[
            ValueChange(
                path=list(path),
                key=written(path),
                before=msgspec.UNSET if was is NOTHING else _shown(before, path),
                after=msgspec.UNSET if is_now is NOTHING else _shown(after, path),
            )
            for path, was, is_now in differing
        ],
    )


def _explained(
    sources: Sequence[Given], traced: Traced, schema: Mapping[str, Any] | None
) -> list[ExplainedValue]:
    values: dict[str, Any] = {}
    for source in sources:
        values = overlaid(values, source.settings)
    shown = [without_secrets(schema, source.settings) for source in sources]
    return [
        _value(path, [*zip(sources, shown, strict=True)], traced)
        for path, _ in sorted(values_in(values), key=lambda each: each[0])
    ]


def _value(path: Path, sources: list[tuple[Given, Any]], traced: Traced) -> ExplainedValue:
    """Find who gives the value at a path: the highest that has one there, or before its end."""
    found = [
        traced.value(source, path, _shown(shown, path))
        for source, shown in reversed(sources)
        if value_at(source.settings, path) is not NOTHING
    ]
    first, *rest = found
    return ExplainedValue(
        **{name: getattr(first, name) for name in GivenValue.__struct_fields__},
        key=written(path),
        path=list(path),
        overrides=rest,
    )


def _shown(shown: Any, path: Path) -> Any:
    """Return what is shown of a value, which may be hidden with all that is around it."""
    found = value_at(shown, path) if isinstance(shown, Mapping) else shown
    return None if found is NOTHING else found


def _known(row: ScopeRow, name: str, path: Path) -> Mapping[str, Any]:
    """Return what is known of a value, or of what it is in, or of the row."""
    origins = row.origins.get(name, {})
    for end in range(len(path), 0, -1):
        found: Mapping[str, Any] | None = origins.get(path_key(path[:end]))
        if found is not None:
            return found
    return {"by": row.updated_by, "at": row.updated_at.isoformat()}
