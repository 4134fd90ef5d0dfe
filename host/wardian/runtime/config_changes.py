"""Changes of configurations: judged, written, kept and told of, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wardian.config.paths import Path, changed, same, values_in
from wardian.errors import Conflict, Fault, InvalidArguments
from wardian.plugins import Installed
from wardian.policy.layers import TENANT_WIDE, ConfigLayer, Environment, Origin, Settings, slot
from wardian.runtime.config_judging import (
    Proposal,
    Touched,
    faults_of,
    resolved,
    touched_by,
    written,
)
from wardian.runtime.config_views import ConfigFault
from wardian.runtime.journal import Change
from wardian.storage.config import ConfigRepository
from wardian.storage.documents import dump_json
from wardian.storage.rows import ConfigChangeRow, ScopeRow, now

PATHS_TOLD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One layer of one scope, as it is and as it is to be.

    Attributes:
        row: the scope's row of this origin, if there is one.
    """

    scope: str
    origin: Origin
    layer: ConfigLayer
    environment: Environment
    row: ScopeRow | None
    after: Settings
    note: str = ""

    @property
    def slot(self) -> str:
        """Under which name the scope's document has the layer."""
        return slot(self.layer, self.environment)

    @property
    def before(self) -> Settings:
        """What the layer has now."""
        found: Settings = {} if self.row is None else self.row.layers.get(self.slot, {})
        return found

    @property
    def version(self) -> int:
        """The version of the scope now; 0 before its first change."""
        return 0 if self.row is None else self.row.version

    def document(self) -> dict[str, Any]:
        """Return the scope's document as it is to be."""
        return _with(self.row.layers if self.row else {}, self.slot, self.after)

    def paths(self) -> list[str]:
        """Return the paths of the layer's values that differ, written for people."""
        return [written(path) for path, _, _ in changed(self.before, self.after)]

    def proposal(self) -> Proposal:
        """Return this as it is judged."""
        return Proposal(self.scope, self.origin, self.document(), self.after)


@dataclass(frozen=True, slots=True)
class Judged:
    """What rewrites come to together.

    Attributes:
        faults: why they cannot be taken.
        plugins: the names of those whose configuration they make another.
    """

    touched: list[Touched]
    faults: list[ConfigFault]
    plugins: list[str]

    def configuration(self, rewrite: Rewrite) -> dict[str, Any]:
        """Return what the one ``rewrite`` makes of its plugin's; tenant-wide, the layer itself."""
        if rewrite.scope == TENANT_WIDE:
            return dict(rewrite.after)
        (touched,) = self.touched
        return resolved(touched.plugin.manifest, touched.after, rewrite.environment)


def judged(
    rewrites: Sequence[Rewrite], plugins: Sequence[Installed], environment: Environment
) -> Judged:
    """Judge rewrites that happen together, in hosts of an environment."""
    touched = touched_by(plugins, [rewrite.proposal() for rewrite in rewrites])
    faults: list[ConfigFault] = []
    names: list[str] = []
    for each in touched:
        plugin = each.plugin
        faults += [_told(plugin.name, fault) for fault in faults_of(each, environment)]
        before = resolved(plugin.manifest, plugin.documents, environment)
        if not same(before, resolved(plugin.manifest, each.after, environment)):
            names.append(plugin.name)
    return Judged(touched, faults, names)


def refusal(faults: Sequence[ConfigFault], scope: str) -> InvalidArguments:
    """Say why a change is refused: the first of ``faults``, and by which plugin of several."""
    first = faults[0]
    message = first.message if scope else f"{first.plugin} does not take that: {first.message}"
    return InvalidArguments(message, path=first.path)


def check_version(rewrite: Rewrite, expected: int | None) -> None:
    """Check that nobody has changed the scope since its version was ``expected``.

    Raises:
        Conflict: somebody has.
    """
    if expected is not None and expected != rewrite.version:
        raise Conflict(
            f"The configuration has changed since: its version is {rewrite.version}, not "
            f"{expected}. Look at it again, and send the change with its present version."
        )


async def write(change: Change, rewrite: Rewrite, found: Judged, kept: int) -> None:
    """Write a change that was judged, with its history, audit entry and events; if it is one.

    ``kept`` is how many entries of the history stay.
    """
    if not rewrite.paths():
        return
    concerned = [each.plugin for each in found.touched]
    own = next((plugin for plugin in concerned if plugin.name == rewrite.scope), None)
    moment = now()
    repository = ConfigRepository(change.connection, change.tenant)
    await repository.write(_row(rewrite, own, change.actor, moment))
    if own is not None or not rewrite.scope:
        entry = _entry(rewrite, own, change.actor, moment)
        await repository.add_change(entry, kept=kept)
    names = [name for name in found.plugins if rewrite.scope in (TENANT_WIDE, name)]
    await _tell(change, rewrite, names)


def path_key(path: Path) -> str:
    """Write a path so that no other is written the same."""
    return dump_json(list(path))


def _told(plugin: str, fault: Fault) -> ConfigFault:
    return ConfigFault(plugin=plugin, message=fault.message, path=fault.path)


def _with(document: Mapping[str, Any], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    rest = {each: value for each, value in document.items() if each != name}
    return {**rest, name: dict(settings)} if settings else rest


def _row(rewrite: Rewrite, own: Installed | None, actor: str, moment: datetime) -> ScopeRow:
    row = rewrite.row
    origins = {} if row is None else row.origins
    goes_with = own if rewrite.origin is Origin.API else None
    return ScopeRow(
        scope=rewrite.scope,
        origin=rewrite.origin.value,
        plugin_id=None if goes_with is None else goes_with.id,
        layers=rewrite.document(),
        origins=_with(origins, rewrite.slot, _origins(rewrite, actor, moment)),
        version=rewrite.version + 1,
        updated_at=moment,
        updated_by=actor,
    )


def _origins(rewrite: Rewrite, actor: str, moment: datetime) -> dict[str, Any]:
    """Say of each value who set it and when; what stays as it was keeps what was known of it."""
    known = {} if rewrite.row is None else rewrite.row.origins.get(rewrite.slot, {})
    differs = {path for path, _, _ in changed(rewrite.before, rewrite.after)}
    found: dict[str, Any] = {}
    for path, _ in values_in(rewrite.after):
        key = path_key(path)
        before = {} if path in differs else known.get(key, {})
        found[key] = before or _fresh(rewrite, path in differs, actor, moment)
    return found


def _fresh(rewrite: Rewrite, differs: bool, actor: str, moment: datetime) -> dict[str, Any]:
    if differs or rewrite.row is None:
        return {"by": actor, "at": moment.isoformat()}
    # It was set before origins were kept.
    return {"by": rewrite.row.updated_by, "at": rewrite.row.updated_at.isoformat()}


def _entry(
    rewrite: Rewrite, own: Installed | None, actor: str, moment: datetime
) -> ConfigChangeRow:
    is_of_environment = rewrite.layer is ConfigLayer.ENVIRONMENT
    return ConfigChangeRow(
        scope=rewrite.scope,
        origin=rewrite.origin.value,
        plugin_id=None if own is None else own.id,
        layer=rewrite.layer.value,
        environment=rewrite.environment.value if is_of_environment else None,
        before=dict(rewrite.before),
        after=dict(rewrite.after),
        note=rewrite.note,
        changed_at=moment,
        changed_by=actor,
    )


async def _tell(change: Change, rewrite: Rewrite, names: Sequence[str]) -> None:
    """Names only: values may be what the operator would rather not see in an audit trail."""
    paths = rewrite.paths()
    environment = rewrite.environment.value if rewrite.layer is ConfigLayer.ENVIRONMENT else None
    detail = {
        "layer": rewrite.layer.value,
        "environment": environment,
        "origin": rewrite.origin.value,
        "paths": paths[:PATHS_TOLD],
        "further_paths": len(paths[PATHS_TOLD:]),
        "version": rewrite.version + 1,
    }
    await change.note_config(rewrite.scope or None, detail, names)
