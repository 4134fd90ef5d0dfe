"""Secrets in a configuration: where there are some that belong into the vault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wardian.errors import Fault
from wardian.policy.secret_names import counts, is_secret_name, words_of
from wardian.policy.secret_schema import SecretSchema
from wardian.storage.documents import path_of

LOOKS_MAX = 200_000
"""Schemas that are looked at for one configuration, each as often as it applies to a value."""

HIDDEN = "(secret)"

_REFERENCES = frozenset(("credential", "credentials", "name", "names", "id"))
"""What ends a name that leads to a secret and is none: `github_credential`, `token_name`."""

_Steps = tuple[str | int, ...]


class _TooMuch(Exception):
    pass


class _Secret:
    """Stands where the schema calls a value secret."""


_SECRET = _Secret()


def secret_faults(schema: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> list[Fault]:
    """Return a fault for each value that a schema marks as secret; no fault has the value itself.

    They are marked with ``writeOnly: true`` or ``format: password``.
    """
    if schema is None:
        return []
    try:
        marked = _marked(schema, settings)
    except _TooMuch:
        return [Fault("The configuration is too large to look for secrets in it.")]
    return [
        Fault(
            f"{path or 'All of it'}: the plugin's schema marks it as secret, and a configuration "
            "holds no secrets. Keep it in the vault with `wardian credential set NAME`; the plugin "
            "uses it by that name.",
            path or None,
        )
        for path in map(path_of, _secrets_in(marked, ()))
    ]


def without_secrets(schema: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> Any:
    """Return ``settings`` for showing: with `HIDDEN` where the schema or a name calls it secret."""
    if schema is not None:
        try:
            settings = _marked(schema, settings)
        except _TooMuch:
            return HIDDEN
    return _shown(settings)


def suspicious(settings: Any, before: _Steps = ()) -> Iterator[str]:
    """Yield the paths of values whose names are those of secrets, whatever the schema says."""
    for step, value in _inside(settings):
        path = (*before, step)
        if isinstance(value, str) and value and isinstance(step, str) and _is_secrets(step):
            yield path_of(path)
        yield from suspicious(value, path)


def _marked(schema: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    left = LOOKS_MAX

    def look(count: int) -> None:
        nonlocal left
        left -= count
        if left < 0:
            raise _TooMuch

    return SecretSchema(schema, lambda _: _SECRET, look).applied(dict(settings))


def _secrets_in(value: Any, steps: _Steps) -> Iterator[_Steps]:
    if value is _SECRET:
        yield steps
    for step, inner in _inside(value):
        yield from _secrets_in(inner, (*steps, step))


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _shown(value: Any, name: str = "") -> Any:
    if value is _SECRET:
        return HIDDEN
    if isinstance(value, Mapping):
        return {each: _shown(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner, name) for inner in value]
    hides = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if hides and _is_secrets(name) and not (isinstance(value, (int, float)) and counts(name)):
        return HIDDEN
    return value


def _is_secrets(name: str) -> bool:
    words = words_of(name)
    return is_secret_name(name) and not (words and words[-1] in _REFERENCES)
