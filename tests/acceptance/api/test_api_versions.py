"""Which versions a host speaks."""

from __future__ import annotations

import httpx
import pytest

from wardian import __version__
from wardian.worlds import HOST_VERSION

pytestmark = pytest.mark.anyio


async def test_versions_are_told_to_everybody(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/api/versions")
    assert answer.status_code == 200
    found = answer.json()
    assert found["wardian"] == __version__
    assert found["plugin_api"] == [HOST_VERSION]
    first = found["http"][0]
    assert (first["version"], first["status"], first["sunset"]) == ("v1", "stable", None)
    for address in first["links"].values():
        assert (await stranger.get(address)).status_code == 200


async def test_nothing_is_deprecated_today(admin: httpx.AsyncClient) -> None:
    headers = (await admin.get("/api/v1/plugins")).headers
    assert not {"deprecation", "sunset"} & set(headers)
    document = (await admin.get("/openapi.json")).json()
    operations = [each for item in document["paths"].values() for each in item.values()]
    assert not [each for each in operations if each.get("deprecated")]
