"""Which versions this host speaks: of its HTTP API, and of the contract with plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.routing import iter_route_contexts
from starlette.responses import Response
from starlette.routing import BaseRoute

from wardian import __version__
from wardian.api.answers import answer, answers
from wardian.api.deprecations import Deprecation
from wardian.plugins.api_versions import OFFERED

router = APIRouter(tags=["host"])


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """A version of the HTTP API.

    Attributes:
        since: the release of Wardian that had it first.
    """

    name: str
    since: str
    deprecation: Deprecation | None = None

    @property
    def prefix(self) -> str:
        """What the paths of its routes begin with."""
        return f"/api/{self.name}/"


VERSIONS = (ApiVersion("v1", since="0.1.0"), ApiVersion("v2", since="0.1.0"))


class ApiVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the HTTP API.

    Attributes:
        since: the release of Wardian that had it first.
        deprecated: from when on it should be used no more.
        sunset: when it may stop to work.
        links: addresses by relation.
    """

    version: str
    status: Literal["stable", "deprecated"]
    since: str
    deprecated: str | None
    sunset: str | None
    links: dict[str, str]


class VersionsView(msgspec.Struct, frozen=True, kw_only=True):
    """What this host speaks.

    Attributes:
        wardian: its release.
        http: the versions of the HTTP API, oldest first.
        plugin_api: the versions of the contract with plugins, the newest of each major; a plugin
            runs whose `api_version` has the same major and a minor that is not above it.
    """

    wardian: str
    http: list[ApiVersionView]
    plugin_api: list[str]


@router.get("/api/versions", responses=answers(VersionsView))
async def show_versions(request: Request) -> Response:
    """Tell which versions this host speaks; this takes no key."""
    root = request.scope.get("root_path", "")
    spoken = versions_of(request.app.routes, VERSIONS)
    return answer(
        VersionsView(
            wardian=__version__,
            http=[_view(each, root) for each in spoken],
            plugin_api=[str(each) for each in OFFERED],
        )
    )


def versions_of(
    routes: Iterable[BaseRoute], versions: Iterable[ApiVersion]
) -> tuple[ApiVersion, ...]:
    """Return the versions that there are routes of."""
    paths = [each.path or "" for each in iter_route_contexts(list(routes))]
    return tuple(each for each in versions if any(path.startswith(each.prefix) for path in paths))


def deprecated(versions: Iterable[ApiVersion]) -> Mapping[str, Deprecation]:
    """Return the deprecations of whole versions, by what their paths begin with."""
    return {each.prefix: each.deprecation for each in versions if each.deprecation is not None}


def _view(version: ApiVersion, root: str) -> ApiVersionView:
    told = {} if version.deprecation is None else version.deprecation.document()
    links = {"service-desc": f"{root}/openapi.json", "service-doc": f"{root}/docs"}
    if "link" in told:
        links["deprecation"] = told["link"]
    if "successor" in told:
        links["successor-version"] = told["successor"]
    return ApiVersionView(
        version=version.name,
        status="deprecated" if told else "stable",
        since=version.since,
        deprecated=told.get("since"),
        sunset=told.get("sunset"),
        links=links,
    )
