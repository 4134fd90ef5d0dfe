from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from packages import ASKING, package

pytestmark = pytest.mark.anyio

PLUGINS = "/api/v1/plugins"
WATCHED = f"{PLUGINS}/watched"

MORE = """
[[permissions]]
permission = "kv:write"
reason = "Writes."
"""


@pytest.fixture
async def watched(admin: httpx.AsyncClient) -> AsyncIterator[str]:
    """A plugin that is monitored, may read and tell, and may not write."""
    made = await admin.post(
        PLUGINS,
        content=package("watched", guest("stores"), ASKING + MORE),
        headers={"Content-Type": "application/zip"},
        params={"grant": ["kv:read", "events:publish:orders.*"]},
    )
    assert made.status_code == 201, made.text
    enabled = await admin.put(f"{WATCHED}/monitoring", json={"enabled": True})
    assert enabled.json() == {"enabled": True}
    yield WATCHED
    await admin.delete(WATCHED)


async def call(client: httpx.AsyncClient, function: str, **arguments: object) -> httpx.Response:
    return await client.post(f"{WATCHED}/functions/{function}", json={"arguments": arguments})


async def test_installing_answers_with_a_review_of_what_is_asked(admin: httpx.AsyncClient) -> None:
    made = await admin.post(
        PLUGINS,
        content=package("reviewed", guest("memory"), ASKING),
        headers={"Content-Type": "application/zip"},
        params={"grant": "kv:read"},
    )
    await admin.delete(f"{PLUGINS}/reviewed")

    first, second = made.json()["review"]
    assert first == {
        "permission": "kv:read",
        "reason": "Reads.",
        "optional": False,
        "risk": "low",
        "why": first["why"],
        "status": "granted",
        "refused_by": None,
        "held": [],
        "excluded": [],
        "change": "new",
        "instead_of": "",
    }
    assert (second["risk"], second["status"], second["refused_by"]) == (
        "medium",
        "not-granted",
        "grant",
    )


async def test_what_a_monitored_plugin_uses_and_is_denied_is_shown(
    admin: httpx.AsyncClient, watched: str
) -> None:
    made = await call(admin, "publish", topic="orders.new", data="1")
    assert made.status_code == 200, made.text
    await call(admin, "bump", key="n", by=1)

    view = (await admin.get(f"{watched}/permissions/uses")).json()

    assert view["monitored"] is True
    assert [(use["permission"], use["refused_by"], use["uses"]) for use in view["uses"]] == [
        ("events:publish:orders.new", "", 1),
        ("kv:read", "", 1),
        ("kv:write", "grant", 1),
    ]
    assert view["uses"][0]["last_call_id"] == made.json()["call_id"]
    assert (await admin.delete(f"{watched}/permissions/uses")).status_code == 204
    assert (await admin.get(f"{watched}/permissions/uses")).json()["uses"] == []


async def test_the_suggestion_is_a_difference_to_the_present_grant(
    admin: httpx.AsyncClient, watched: str
) -> None:
    nothing = (await admin.get(f"{watched}/permissions/suggestion")).json()
    assert nothing["suggestion"]["seen"] == 0
    assert nothing["suggestion"]["granted"] == nothing["present"]

    await call(admin, "publish", topic="orders.new", data="1")
    await call(admin, "bump", key="n", by=1)
    found = (await admin.get(f"{watched}/permissions/suggestion")).json()
    wider = await admin.get(f"{watched}/permissions/suggestion", params={"include_denied": True})

    assert found["present"] == ["events:publish:orders.*", "kv:read"]
    assert found["suggestion"]["granted"] == ["events:publish:orders.new", "kv:read"]
    assert [(line["mark"], line["permission"]) for line in found["suggestion"]["lines"]] == [
        ("-", "events:publish:orders.*"),
        ("+", "events:publish:orders.new"),
        ("=", "kv:read"),
    ]
    assert [each["permission"] for each in found["suggestion"]["denied"]] == ["kv:write"]
    assert "kv:write" in wider.json()["suggestion"]["granted"]


async def test_a_revoke_over_one_connection_ends_what_a_call_on_another_may_do(
    served: tuple[str, int], admin: httpx.AsyncClient, watched: str
) -> None:
    url = "http://{}:{}".format(*served)
    headers = {"Authorization": admin.headers["Authorization"]}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as other:
        assert (await call(admin, "publish", topic="orders.new", data="1")).status_code == 200
        revoked = await other.put(f"{watched}/grants", json={"granted": ["kv:read"]})
        assert revoked.json()["granted"] == ["kv:read"]
        denied = await call(admin, "publish", topic="orders.new", data="1")

    assert denied.json()["type"] == "/problems/guest-error"
    assert denied.json()["payload"]["tag"] == "denied"


@pytest.mark.parametrize("body", [{}, {"enabled": "yes"}, {"enabled": True, "more": 1}])
async def test_monitoring_is_switched_by_exactly_one_boolean(
    admin: httpx.AsyncClient, watched: str, body: dict[str, object]
) -> None:
    refused = await admin.put(f"{watched}/monitoring", json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")


async def test_grants_say_what_is_asked_beside_permissions(
    admin: httpx.AsyncClient, watched: str
) -> None:
    view = (await admin.get(f"{watched}/grants")).json()

    assert (view["version"], view["level"], view["effective_level"]) == (
        "1.0.0",
        "restricted",
        "restricted",
    )
    assert (view["required_scopes"], view["oauth_scopes"]) == ([], [])
    assert view["monitored"] is True
    assert [item["change"] for item in view["review"]] == ["same"] * 3
