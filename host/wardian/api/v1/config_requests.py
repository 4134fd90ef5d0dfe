"""What requests about configurations say: which layer, which values, made from which version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header, Query

from wardian.errors import InvalidArguments
from wardian.policy.layers import ConfigLayer, Environment
from wardian.runtime.config_edits import Edit, Place
from wardian.runtime.config_views import ConfigView
from wardian.runtime.configuration import PAGE_MAX

_ETAG = re.compile(r'"(\d{1,18})(?:\.[A-Za-z0-9_-]{1,64})?"')
"""The version, and behind it what `wardian.api.preconditions` adds: of that which is shown."""

Of = Annotated[
    Environment | None,
    Query(description="Of the layer `environment`; by default the host's own."),
]
One = Annotated[
    ConfigLayer | None,
    Query(description="What was set in one layer, instead of what they come to."),
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Before = Annotated[int | None, Query(description="`next` of the page before.")]


class ConfigEdit(msgspec.Struct, forbid_unknown_fields=True):
    """Values to set and to take away, by key; dots go into objects."""

    set: dict[str, Any] = {}
    unset: list[str] = []


class ConfigProposal(ConfigEdit, forbid_unknown_fields=True):
    """A change to judge: by key, or `values`, which replace all that the layer has."""

    values: dict[str, Any] | None = None


class RevertRequest(msgspec.Struct, forbid_unknown_fields=True):
    """After which change, by its id, a layer is to be again what it was."""

    to: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown: all layers, or one of them; all values, or one."""

    place: Place
    resolve: bool
    key: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent beside a change."""

    note: str
    expected: int | None


async def _wanted_of_plugin(
    name: str,
    key: Annotated[str | None, Query(description="One value; dots go into objects.")] = None,
    layer: One = None,
    environment: Of = None,
) -> Wanted:
    return _wanted(name, key, layer, environment)


async def _wanted_of_tenant(
    key: Annotated[str | None, Query(description="One value; dots go into objects.")] = None,
    layer: One = None,
    environment: Of = None,
) -> Wanted:
    return _wanted(None, key, layer, environment)


async def _layer_of_plugin(
    name: str, layer: ConfigLayer = ConfigLayer.USER, environment: Of = None
) -> Place:
    return Place(plugin=name, layer=layer, environment=environment)


async def _layer_of_tenant(layer: ConfigLayer = ConfigLayer.USER, environment: Of = None) -> Place:
    return Place(plugin=None, layer=layer, environment=environment)


async def _sent(
    note: Annotated[str, Query(description="Why, for the history.")] = "",
    if_match: Annotated[
        str | None,
        Header(
            description="The `ETag` of what the change was made from: what somebody else has "
            "changed since is not overwritten, but answered `conflict`."
        ),
    ] = None,
) -> Sent:
    return Sent(note, _version(if_match))


OfPlugin = Annotated[Wanted, Depends(_wanted_of_plugin)]
OfTenant = Annotated[Wanted, Depends(_wanted_of_tenant)]
PluginLayer = Annotated[Place, Depends(_layer_of_plugin)]
TenantLayer = Annotated[Place, Depends(_layer_of_tenant)]
SentWith = Annotated[Sent, Depends(_sent)]


def _wanted(
    name: str | None, key: str | None, layer: ConfigLayer | None, environment: Environment | None
) -> Wanted:
    if layer is None and environment is not None:
        raise InvalidArguments(
            "An environment is of the layer `environment`; send layer=environment with it.",
            path="query.environment",
        )
    place = Place(plugin=name, layer=layer or ConfigLayer.USER, environment=environment)
    return Wanted(place, layer is None, key)


def edit_of(wanted: ConfigEdit, sent: Sent) -> Edit:
    """Return the change of single values that was sent."""
    return Edit(put=wanted.set, unset=wanted.unset, note=sent.note)


def proposed(wanted: ConfigProposal) -> Edit:
    """Return the change that is to be judged."""
    return Edit(put=wanted.set, unset=wanted.unset, values=wanted.values)


def tag(view: ConfigView) -> Mapping[str, str]:
    """Return the header that `If-Match` is to repeat."""
    return {"ETag": f'"{view.version}"'}


def _version(if_match: str | None) -> int | None:
    """Read ``If-Match`` (RFC 9110, 13.1.1), of which one strong tag makes sense here."""
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidArguments(
            'If-Match takes the ETag of a configuration, such as "3".', path="header.If-Match"
        )
    return int(found[1])
