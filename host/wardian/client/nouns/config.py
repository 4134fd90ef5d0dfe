"""Configuration: a plugin's values, or those for all of the tenant's plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

import msgspec

from wardian.client.answers import Answer, Reads, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import ConfigJudgement, Configuration, Explanation, HistoryPage
from wardian.client.models import ReloadReport as Reloaded
from wardian.client.operations import Operation, at, get, given, patch, post, put

Layer: TypeAlias = Literal["defaults", "environment", "user", "runtime"]
Environment: TypeAlias = Literal["development", "staging", "production"]


class ChangeTerms(TypedDict, total=False):
    """Where a change goes, and what it was made from.

    Attributes:
        layer: `user` unless it is another.
        environment: of the layer `environment`; the host's own unless it is another.
        note: why, for the history.
        if_match: the `etag` of the configuration that it was made from; what somebody else has
            changed since is not overwritten, but raised as `Conflict`.
    """

    layer: Layer
    environment: Environment
    note: str
    if_match: str


class Config(Noun[S]):
    """Configuration; without a plugin, what is tenant-wide."""

    @operation
    def get(
        self,
        plugin: str | None = None,
        *,
        key: str | None = None,
        layer: Layer | None = None,
        environment: Environment | None = None,
    ) -> Operation[Configuration]:
        """Show what all layers come to, or one of them; all values, or the one of ``key``."""
        asked = {"key": key, "layer": layer, "environment": environment}
        return get(_path(plugin), _CONFIGURATION, **asked)

    @operation
    def replace(
        self, values: Mapping[str, Any], plugin: str | None = None, **terms: Unpack[ChangeTerms]
    ) -> Operation[Configuration]:
        """Replace all that a layer has; what all layers come to then."""
        if_match = terms.pop("if_match", None)
        asked = put(_path(plugin), _CONFIGURATION, values, **terms)
        return asked.matching(if_match)

    @operation
    def change(
        self,
        plugin: str | None = None,
        *,
        set: Mapping[str, Any] | None = None,  # noqa: A002 -- as the API has it
        unset: Sequence[str] = (),
        **terms: Unpack[ChangeTerms],
    ) -> Operation[Configuration]:
        """Set and unset values by key, whose dots go into objects; all others stay."""
        if_match = terms.pop("if_match", None)
        body = {"set": set or {}, "unset": unset}
        asked = patch(_path(plugin), _CONFIGURATION, body, **terms)
        return asked.matching(if_match)

    @operation
    def validate(
        self,
        plugin: str | None = None,
        *,
        set: Mapping[str, Any] | None = None,  # noqa: A002 -- as the API has it
        unset: Sequence[str] = (),
        values: Mapping[str, Any] | None = None,
        **terms: Unpack[_PlaceTerms],
    ) -> Operation[ConfigJudgement]:
        """Tell what a change, or a whole new layer of ``values``, would come to."""
        body = {"set": set or {}, "unset": unset, **given(values=values)}
        return post(_path(plugin, "/validate"), json_of(ConfigJudgement), body, **terms)

    @operation
    def explain(self, plugin: str | None = None) -> Operation[Explanation]:
        """Tell of each value where it came from, who set it, and what it lies over."""
        return get(_path(plugin, "/explain"), json_of(Explanation))

    @operation
    def history(
        self, plugin: str | None = None, *, limit: int | None = None, before: int | None = None
    ) -> Operation[HistoryPage]:
        """List the changes, the newest first; ``before`` is ``next`` of the page before."""
        path = _path(plugin, "/history")
        return get(path, json_of(HistoryPage), limit=limit, before=before)

    @operation
    def revert(
        self,
        to: int,
        plugin: str | None = None,
        *,
        note: str | None = None,
        if_match: str | None = None,
    ) -> Operation[Configuration]:
        """Have a layer be again what it was after the change of this id."""
        asked = post(_path(plugin, "/revert"), _CONFIGURATION, {"to": to}, note=note)
        return asked.matching(if_match)

    @operation
    def reload(self) -> Operation[Reloaded]:
        """Read the tenant's file of configuration now, and tell what came of it."""
        return post("/config/reload", json_of(Reloaded))


class _PlaceTerms(TypedDict, total=False):
    layer: Layer
    environment: Environment


def _configuration(answer: Answer) -> Configuration:
    etag = answer.headers.get("etag", "")
    return Configuration(values=msgspec.json.decode(answer.content), etag=etag)


_CONFIGURATION = Reads(_configuration, Any)


def _path(plugin: str | None, rest: str = "") -> str:
    return f"/config{rest}" if plugin is None else at("/plugins/{}/config", plugin) + rest
