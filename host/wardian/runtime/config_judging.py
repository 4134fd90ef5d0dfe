"""Configurations judged before they are in force: by whom they concern, and what they would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wardian.config import MAX_CONFIG_BYTES, ConfigSchema, configured, overlaid
from wardian.config.layers import SET_LAYERS, declared
from wardian.config.paths import Path, same, values_in
from wardian.config.secrets import secret_faults, suspicious
from wardian.errors import Fault, InvalidArguments, InvalidManifest
from wardian.plugins import Installed, Manifest
from wardian.policy.layers import (
    PLACES,
    TENANT_WIDE,
    Document,
    Documents,
    Environment,
    Origin,
    Settings,
    slot,
)
from wardian.storage.documents import dump_json, path_of, utf8_length

_PATH_CHARS = 200
_LARGE = Fault(f"All layers together, a configuration may have {MAX_CONFIG_BYTES} bytes as JSON.")


@dataclass(frozen=True, slots=True)
class Touched:
    """A plugin whose configuration a change concerns.

    Attributes:
        after: all that would be configured for it.
        edited: what of the change it would see.
        alone: whether the change is about this plugin only, and by whoever can mend all of it.
    """

    plugin: Installed
    after: Documents
    edited: tuple[Settings, ...]
    alone: bool


def resolved(manifest: Manifest, documents: Documents, environment: Environment) -> dict[str, Any]:
    """Return a plugin's configuration: all layers, over the manifest's defaults."""
    over = configured(documents, environment, manifest.config_schema)
    return overlaid(manifest.default_config, over)


def tenant_wide(documents: Documents, environment: Environment) -> dict[str, Any]:
    """Return what is set tenant-wide, all layers over one another."""
    values: dict[str, Any] = {}
    for layer in SET_LAYERS:
        for document, (is_tenant_wide, _) in zip(documents, PLACES, strict=True):
            if is_tenant_wide:
                values = overlaid(values, document.get(slot(layer, environment), {}))
    return values


def replaced(documents: Documents, place: int, document: Document) -> Documents:
    """Return ``documents`` with another one at a place."""
    changed = list(documents)
    changed[place] = document
    first, second, third, fourth = changed
    return first, second, third, fourth


def place_of(*, tenant_wide: bool, origin: Origin) -> int:
    """Return the index in `PLACES`."""
    return PLACES.index((tenant_wide, origin))


@dataclass(frozen=True, slots=True)
class Proposal:
    """One scope's document as it is to be.

    Attributes:
        edited: the settings of the layer in which it differs.
    """

    scope: str
    origin: Origin
    document: Document
    edited: Settings


def touched_by(plugins: Iterable[Installed], proposals: Sequence[Proposal]) -> list[Touched]:
    """Return the plugins that proposals concern, each as it would be after all of them."""
    found: list[Touched] = []
    for plugin in plugins:
        mine = [each for each in proposals if each.scope in (TENANT_WIDE, plugin.name)]
        after = plugin.documents
        for each in mine:
            place = place_of(tenant_wide=each.scope == TENANT_WIDE, origin=each.origin)
            after = replaced(after, place, each.document)
        alone = len(mine) == 1 and mine[0].scope != TENANT_WIDE and mine[0].origin is Origin.API
        if mine:
            edited = tuple(
                each.edited if each.scope else _seen(plugin, each.edited) for each in mine
            )
            found.append(Touched(plugin, after, edited, alone))
    return found


def faults_of(touched: Touched, environment: Environment) -> list[Fault]:
    """Return why a plugin cannot take what would be configured for it.

    A change of more than this plugin is not held up by what was wrong with it before.
    """
    manifest = touched.plugin.manifest
    schema = manifest.config_schema
    before = resolved(manifest, touched.plugin.documents, environment)
    after = resolved(manifest, touched.after, environment)
    found = [fault for each in touched.edited for fault in secret_faults(schema, each)]
    found = found or _too_large(after)
    if found or schema is None:
        return found
    try:
        compiled = ConfigSchema(schema)
    except InvalidManifest as exc:  # it was installed when less was refused
        return [Fault(f"Its config_schema cannot be used any more: {exc.message}")]
    hidden = [fault for each in touched.edited for fault in _hidden(compiled, after, each)]
    if not touched.alone and same(before, after):
        return hidden
    faults = compiled.faults(after)
    known = [] if touched.alone or not faults else compiled.faults(before)
    return [fault for fault in faults if fault not in known] or hidden


def _hidden(schema: ConfigSchema, after: Settings, edited: Settings) -> list[Fault]:
    """Return what is wrong with values under others, which are in force once those are gone."""
    on_top = overlaid(after, edited)
    if same(on_top, dict(after)):
        return []
    names = [path_of(path) for path, _ in values_in(edited)]
    return [
        fault
        for fault in schema.faults(on_top, partial=True)
        if fault.path is not None and any(_is_in(fault.path, name) for name in names)
    ]


def _is_in(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def written(path: Path) -> str:
    """Write a path for people, shortened."""
    return path_of(path)[:_PATH_CHARS]


def check_arriving(plugin: Installed, environment: Environment) -> None:
    """Check what waits for a plugin that has just been installed: tenant-wide values, and files'.

    Raises:
        InvalidArguments: it does not fit the manifest's schema; with the path of the fault.
    """
    manifest = plugin.manifest
    over = configured(plugin.documents, environment, manifest.config_schema)
    if not over:
        return
    values = overlaid(manifest.default_config, over)
    found = secret_faults(manifest.config_schema, over) or _too_large(values)
    if not found and manifest.config_schema is not None:
        found = ConfigSchema(manifest.config_schema).faults(values, partial=True)
    for fault in found:
        raise InvalidArguments(
            f"What is configured for {plugin.name} already, tenant-wide or in a file, does not fit "
            f"it: {fault.message} Change that first, then install it.",
            path=fault.path,
        )


def check_configuration(plugin: Installed, manifest: Manifest, environment: Environment) -> None:
    """Check that a plugin's configuration fits another version of it.

    Raises:
        InvalidArguments: it does not; with the path of the fault.
    """
    if manifest.config_schema is None:
        return
    over = configured(plugin.documents, environment, manifest.config_schema)
    values = overlaid(manifest.default_config, over)
    found = secret_faults(manifest.config_schema, over) or _too_large(values)
    for fault in found or ConfigSchema(manifest.config_schema).faults(values):
        raise InvalidArguments(
            f"{fault.message} That is what {manifest.name} {manifest.version} asks for; change "
            "the configuration first, in a way that both versions take.",
            path=fault.path,
        )


def warnings_of(edited: Settings, plugins: Sequence[Installed], *, tenant_wide: bool) -> list[str]:
    """Return what of a change is allowed and looks wrong; no sentence has a value."""
    found = [
        f"{path} has the name of a secret. A configuration is readable to the tenant's readers and "
        "is no place for one: keep it in the vault with `wardian credential set NAME`."
        for path in suspicious(edited)
    ]
    if tenant_wide:
        known = names_of(plugins)
        found += [
            f"No installed plugin has a property named {name!r} at the top of its schema."
            for name in edited
            if name not in known
        ]
    return found


def names_of(plugins: Iterable[Installed]) -> frozenset[str]:
    """Return the top-level names that these plugins' configurations can have."""
    names: set[str] = set()
    for plugin in plugins:
        names |= declared(plugin.manifest.config_schema) | set(plugin.manifest.default_config)
    return frozenset(names)


def _seen(plugin: Installed, edited: Settings) -> Mapping[str, Any]:
    names = declared(plugin.manifest.config_schema)
    return {name: value for name, value in edited.items() if name in names}


def _too_large(values: Mapping[str, Any]) -> list[Fault]:
    return [_LARGE] if utf8_length(dump_json(values)) > MAX_CONFIG_BYTES else []
