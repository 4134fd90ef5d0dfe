"""The decorators of the Python SDK, from the source into the manifest that is packed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from wardian.cli.authoring.errors import BuildFailed
from wardian.cli.authoring.reading import Method, Source, Use, literal
from wardian.plugins.enhancements import Enhancement, Kind, Setting
from wardian.plugins.faults import refusal
from wardian.plugins.lines import Lines
from wardian.plugins.manifest import MANIFEST_NAME, Manifest

DECORATORS: Mapping[str, Kind] = {
    "monitored": Kind.MONITOR,
    "rate_limited": Kind.RATE_LIMIT,
    "cached": Kind.CACHE,
    "retried": Kind.RETRY,
    "timeout": Kind.TIMEOUT,
}
_WITHOUT_CALL = frozenset(("monitored", "retried"))
_WORLD = "WitWorld"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the decorators above one method say.

    Attributes:
        method: it, as ``Counters.read``.
        entry: the same as a manifest has it.
        places: where each is, for people.
    """

    method: str
    entry: Enhancement
    places: Mapping[Kind, str]


def declared_in(sources: Sequence[Source]) -> list[Declared]:
    """Return what the decorators of a plugin say, in the order of its source.

    Raises:
        BuildFailed: one is not above a method, or says what cannot be; with its line.
    """
    for source in sources:
        for name, node in source.strays(DECORATORS):
            raise BuildFailed(
                f"{source.place(node)}: @{name} stands above a method of a class that exports "
                "functions, and nowhere else: the host reads it there."
            )
    return [
        _declared(method)
        for source in sources
        for method in source.methods()
        if any(use.name in DECORATORS for use in method.uses)
    ]


def beside(found: Sequence[Declared], manifest: Manifest, text: str) -> list[Enhancement]:
    """Return what decorators say that the manifest, of this text, does not say itself.

    Raises:
        BuildFailed: both say something of one function, and not the same; names both places.
    """
    lines = Lines(text)
    kept = []
    for each in found:
        said = dict(each.entry.settings())
        for index, kind, setting in _said(manifest, each.entry.function):
            if kind not in said:
                continue
            if said.pop(kind) != setting:
                raise BuildFailed(
                    f"{MANIFEST_NAME}:{lines.of(f'enhancements[{index}].{kind}')} and "
                    f"{each.places[kind]} both say the {kind} of {each.entry.function}, and not "
                    "the same. Say it in one of the two places."
                )
        if said:
            others = {kind.value: None for kind in each.entry.settings() if kind not in said}
            kept.append(each.entry.model_copy(update=others))
    return kept


def as_toml(entries: Sequence[Enhancement]) -> str:
    """Write enhancements as the end of a manifest."""
    blocks = [
        "\n".join(
            [
                "[[enhancements]]",
                f"function = {json.dumps(entry.function)}",
                *(f"{kind} = {_inline(setting)}" for kind, setting in entry.settings().items()),
            ]
        )
        for entry in entries
    ]
    return "\n\n".join(["# From the decorators in src/, by `wardian build`.", *blocks, ""])


def _declared(method: Method) -> Declared:
    said: dict[str, Any] = {}
    places: dict[Kind, str] = {}
    for use in (use for use in method.uses if use.name in DECORATORS):
        kind = DECORATORS[use.name]
        place = method.source.place(use.node)
        if kind in places:
            raise BuildFailed(f"{place}: @{use.name} is above {method.node.name} twice.")
        said[kind.value], places[kind] = _arguments(method, use, place), place
    try:
        entry = Enhancement.model_validate({"function": _function(method), **said})
    except ValidationError as exc:
        fault = refusal(exc, "", Enhancement).faults[0]
        kind_at_fault = (fault.path or "").partition(".")[0]
        place = places[Kind(kind_at_fault)] if kind_at_fault in said else method.place
        raise BuildFailed(f"{place}: {fault.message}") from exc
    return Declared(f"{method.owner.name}.{method.node.name}", entry, places)


def _arguments(method: Method, use: Use, place: str) -> dict[str, Any]:
    if use.call is None:
        if use.name in _WITHOUT_CALL:
            return {}
        raise BuildFailed(f"{place}: @{use.name} takes a value: @{use.name}(…=…).")
    if use.call.args or any(keyword.arg is None for keyword in use.call.keywords):
        raise BuildFailed(
            f"{place}: @{use.name} takes values by name, each written out: @{use.name}(…=…)."
        )
    return {
        str(keyword.arg): _plain(
            literal(method.source, keyword.value, f"`{keyword.arg}` of @{use.name}")
        )
        for keyword in use.call.keywords
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _function(method: Method) -> str:
    """Return how a manifest names the function that a method is."""
    name = _kebab(method.node.name)
    owner = method.owner.name
    return name if owner == _WORLD else f"{_kebab(owner)}#{name}"


def _kebab(name: str) -> str:
    return _HUMP.sub("-", name).replace("_", "-").lower().strip("-")


def _said(manifest: Manifest, function: str) -> Iterator[tuple[int, Kind, Setting]]:
    for index, entry in enumerate(manifest.enhancements):
        if not entry.is_pattern and _is_same(entry.function, function):
            for kind, setting in entry.settings().items():
                yield index, kind, setting


def _is_same(written: str, function: str) -> bool:
    """Tell whether a manifest's name may be of a function: ``a:b/ops@1.0.0#add`` of ``ops#add``."""
    interface, _, name = written.rpartition("#")
    owner, _, own = function.rpartition("#")
    short = interface.rpartition("/")[2].partition("@")[0]
    return name == own and short in ("", owner)


def _inline(setting: Setting) -> str:
    values = setting.model_dump(mode="json")
    written = ", ".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
    return f"{{ {written} }}"
