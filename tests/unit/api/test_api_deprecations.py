"""What is deprecated says so: in its answers, and in the API's description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from wardian.api.answers import answer, takes
from wardian.api.deprecations import Deprecation, Deprecations, are_declared, mark
from wardian.api.versions import ApiVersion, deprecated, versions_of

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
GOING = Deprecation(
    since=SINCE,
    sunset=datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC),
    link="https://wardian.example.org/old",
    successor="/api/v2/new",
)
AGING = Deprecation(since=SINCE, link="/docs/aging")


def app() -> FastAPI:
    router = APIRouter(prefix="/api/v1")

    @router.get("/old", **GOING.on_route())
    async def old() -> Response:
        return answer({})

    @router.post("/old", **AGING.on_route(takes(dict[str, int])))
    async def post_old() -> Response:
        return answer({}, 404, {"Link": "</next>; rel=next"})

    @router.get("/new")
    async def new() -> Response:
        return answer({})

    made = FastAPI()
    made.include_router(router)
    return made


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    made = app()
    made.add_middleware(Deprecations, prefixes={})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=made), base_url="http://host", trust_env=False
    ) as opened:
        yield opened


async def test_a_route_tells_when_it_goes_and_what_comes(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/api/v1/old")).headers
    assert headers["deprecation"] == "@1772323200"
    assert headers["sunset"] == "Sat, 02 Jan 2027 03:04:05 GMT"
    assert headers.get_list("link") == [
        '<https://wardian.example.org/old>; rel="deprecation"; type="text/html"',
        '</api/v2/new>; rel="successor-version"',
    ]


async def test_an_error_tells_it_beside_links_of_its_own(client: httpx.AsyncClient) -> None:
    headers = (await client.post("/api/v1/old", json={})).headers
    assert headers["deprecation"] == "@1772323200"
    assert "sunset" not in headers
    assert headers.get_list("link")[0] == "</next>; rel=next"
    assert len(headers.get_list("link")) == 2


async def test_what_is_not_deprecated_says_nothing(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/new", "/api/v1/nothing"):
        headers = (await client.get(path)).headers
        assert not {"deprecation", "sunset", "link"} & set(headers)


async def test_a_whole_version_tells_it_of_each_of_its_paths() -> None:
    made = app()
    made.add_middleware(Deprecations, prefixes={"/api/v1/": AGING})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=made), base_url="http://host", trust_env=False
    ) as client:
        for path in ("/api/v1/new", "/api/v1/nothing"):
            assert (await client.get(path)).headers["deprecation"] == "@1772323200"
        assert "sunset" in (await client.get("/api/v1/old")).headers  # its own comes first
        assert "deprecation" not in (await client.get("/openapi.json")).headers


def test_the_description_tells_it_too() -> None:
    document = app().openapi()
    old = document["paths"]["/api/v1/old"]
    assert old["get"]["deprecated"] is old["post"]["deprecated"] is True
    assert old["get"]["x-deprecation"] == {
        "since": "2026-03-01T00:00:00Z",
        "sunset": "2027-01-02T03:04:05Z",
        "link": "https://wardian.example.org/old",
        "successor": "/api/v2/new",
    }
    assert "requestBody" in old["post"]
    assert "deprecated" not in document["paths"]["/api/v1/new"]["get"]
    mark(document, {"/api/v1/": AGING})
    assert document["paths"]["/api/v1/new"]["get"]["deprecated"] is True
    assert document["paths"]["/api/v1/old"]["get"]["x-deprecation"]["successor"] == "/api/v2/new"


def test_only_what_is_declared_costs_anything() -> None:
    assert are_declared(app().routes, {})
    assert not are_declared(FastAPI().routes, {})
    assert are_declared(FastAPI().routes, {"/api/v1/": AGING})


def test_a_version_is_spoken_when_it_has_routes() -> None:
    versions = (ApiVersion("v1", "0.1.0", AGING), ApiVersion("v9", "9.0.0"))
    assert versions_of(app().routes, versions) == versions[:1]
    assert deprecated(versions) == {"/api/v1/": AGING}


@pytest.mark.parametrize(
    ("since", "sunset"),
    [
        (SINCE.replace(tzinfo=None), None),
        (SINCE, SINCE.replace(tzinfo=None)),
        (SINCE, SINCE - timedelta(seconds=1)),
    ],
    ids=["naive", "naive-sunset", "sunset-before"],
)
def test_a_deprecation_that_makes_no_sense_is_refused(
    since: datetime, sunset: datetime | None
) -> None:
    with pytest.raises(ValueError, match=r"time zone|before"):
        Deprecation(since=since, sunset=sunset, link="/x")
