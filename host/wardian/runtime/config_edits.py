"""What somebody wants to change about a configuration, and where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wardian.config import check_values
from wardian.config.paths import Path, with_value, without
from wardian.errors import InvalidArguments, NotFound
from wardian.policy.layers import TENANT_WIDE, ConfigLayer, Environment, slot

MAX_KEYS = 1_000
"""How many values one change sets or takes away by key; `Edit.values` replaces any number."""

MAX_NOTE_CHARS = 500

_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One layer of one scope.

    Attributes:
        plugin: its name; None for what is tenant-wide.
        environment: of the layer ``environment``; None for the host's own.
    """

    plugin: str | None
    layer: ConfigLayer = ConfigLayer.USER
    environment: Environment | None = None

    @property
    def scope(self) -> str:
        """The scope as rows have it."""
        return TENANT_WIDE if self.plugin is None else self.plugin

    def within(self, environment: Environment) -> Environment:
        """Return the environment whose values are changed, on a host of this one.

        Raises:
            InvalidArguments: nobody sets this layer, or it is the same in every environment.
        """
        if self.layer is ConfigLayer.DEFAULTS:
            raise InvalidArguments(
                "The defaults are the manifest's; set a value over them in the layer user, "
                "environment or runtime.",
                path="layer",
            )
        if self.environment is not None and self.layer is not ConfigLayer.ENVIRONMENT:
            raise InvalidArguments(
                f"The layer {self.layer} is the same in every environment; only the layer "
                "environment takes one.",
                path="environment",
            )
        return self.environment or environment

    def slot(self, environment: Environment) -> str:
        """Return under which name a document has this layer."""
        return slot(self.layer, self.within(environment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to change in a layer.

    Attributes:
        unset: the keys of values to take away; first of all.
        put: values to set, by key; what was at a key is replaced whole.
        values: all that the layer is to have instead of what it has; excludes the others.
        note: why, for the history.
    """

    put: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()
    values: Mapping[str, Any] | None = None
    note: str = ""

    def applied(self, settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
        """Return a layer's settings after this.

        A key is a name if that is one of ``names``, or is there; otherwise it goes into nested
        objects with dots.

        Raises:
            InvalidArguments: nothing is to change, a key leads nowhere, or what comes of it is no
                JSON object or too large; with the path.
            NotFound: there is nothing at a key to take away.
        """
        self._check()
        if self.values is not None:
            changed = dict(self.values)
        else:
            changed = dict(settings)
            for key in self.unset:
                changed = _unset(changed, _path(key, {*names, *changed}), key)
            for key, value in self.put.items():
                changed = with_value(changed, _path(key, {*names, *changed}), value)
        check_values(changed)
        return changed

    def _check(self) -> None:
        if (self.values is None) == (not self.put and not self.unset):
            raise InvalidArguments(
                "A change sets or unsets values by key, or has the values that replace all others; "
                "one of the two."
            )
        if len(self.put) + len(self.unset) > MAX_KEYS:
            raise InvalidArguments(f"One change takes up to {MAX_KEYS} keys; replace the layer.")
        if len(self.note) > MAX_NOTE_CHARS or not self.note.isprintable():
            raise InvalidArguments(
                f"A note has up to {MAX_NOTE_CHARS} printable characters.", path="note"
            )


def _path(key: str, names: Collection[str]) -> Path:
    if key in names:
        return (key,)
    steps = tuple(key.split("."))
    if not all(steps):
        raise InvalidArguments(
            f"{key[:_SHOWN_CHARS]!r} is no key: it has an empty name.", path=key[:_SHOWN_CHARS]
        )
    return steps


def _unset(settings: Mapping[str, Any], path: Path, key: str) -> dict[str, Any]:
    try:
        return without(settings, path)
    except NotFound as exc:
        raise NotFound(
            f"This layer has nothing at {key[:_SHOWN_CHARS]!r}; `wardian config explain` tells "
            "where a value comes from."
        ) from exc
