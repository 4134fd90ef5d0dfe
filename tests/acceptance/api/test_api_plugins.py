import httpx
import pytest

from guests import component, guest
from packages import ASKING, package

pytestmark = pytest.mark.anyio

PLUGINS = "/api/v1/plugins"


async def upload(client: httpx.AsyncClient, content: bytes, **query: object) -> httpx.Response:
    return await client.post(
        PLUGINS, content=content, headers={"Content-Type": "application/zip"}, params=query
    )


async def test_a_package_is_installed_shown_and_uninstalled(admin: httpx.AsyncClient) -> None:
    made = await upload(admin, package("whole", guest("memory"), ASKING))
    assert made.status_code == 201
    assert made.headers["location"] == f"{PLUGINS}/whole"
    assert made.json()["state"] == "active"
    assert made.json()["granted"] == []
    assert [item["permission"] for item in made.json()["asked"]] == [
        "kv:read",
        "events:publish:orders.*",
    ]
    shown = (await admin.get(f"{PLUGINS}/whole")).json()
    assert {item["change"] for item in made.json().pop("review")} == {"new"}
    assert {**shown, "review": made.json()["review"]} == made.json()
    assert "whole" in [item["name"] for item in (await admin.get(PLUGINS)).json()]
    assert (await admin.delete(f"{PLUGINS}/whole")).status_code == 204
    assert (await admin.get(f"{PLUGINS}/whole")).status_code == 404


async def test_a_package_may_come_as_the_one_file_of_a_form(admin: httpx.AsyncClient) -> None:
    file = ("a.wardian", package("formed", guest("memory")))
    made = await admin.post(PLUGINS, files={"package": file})
    assert made.status_code == 201, made.text
    await admin.delete(f"{PLUGINS}/formed")


@pytest.mark.parametrize("extra", [{"data": {"other": "x"}}, {"data": {}}])
async def test_a_form_without_exactly_one_file_is_refused(
    admin: httpx.AsyncClient, extra: dict[str, dict[str, str]]
) -> None:
    files = [("a", ("a", b"x")), ("b", ("b", b"x"))]
    refused = await admin.post(PLUGINS, files=files[: 1 + (not extra["data"])], **extra)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")


async def test_a_form_that_is_broken_is_refused(admin: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"garbage", b"--x\r\nContent-Disposition: nonsense\r\n\r\n"):
        refused = await admin.post(PLUGINS, content=body, headers=headers)
        assert (refused.status_code, refused.json()["status"]) == (400, 400), body


async def test_another_kind_of_body_is_refused_with_the_kinds_that_are_taken(
    admin: httpx.AsyncClient,
) -> None:
    refused = await admin.post(PLUGINS, content=b"x", headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415
    assert refused.json()["type"] == "/problems/unsupported-media-type"
    assert "application/zip" in refused.json()["detail"]


async def test_grants_are_given_at_installation(admin: httpx.AsyncClient) -> None:
    content = package("granted", guest("memory"), ASKING)
    one = await upload(admin, content, grant=["kv:read"])
    assert one.json()["granted"] == ["kv:read"]
    await admin.delete(f"{PLUGINS}/granted")
    everything = await upload(admin, content, grant="all", enable="false")
    assert everything.json()["granted"] == ["events:publish:orders.*", "kv:read"] or sorted(
        everything.json()["granted"]
    ) == ["events:publish:orders.*", "kv:read"]
    assert everything.json()["state"] == "installed"
    await admin.delete(f"{PLUGINS}/granted")


async def test_grants_are_replaced_as_a_whole(admin: httpx.AsyncClient) -> None:
    await upload(admin, package("regranted", guest("memory"), ASKING), grant="all")
    path = f"{PLUGINS}/regranted/grants"
    changed = await admin.put(path, json={"granted": ["kv:read"]})
    assert changed.json()["granted"] == ["kv:read"]
    assert [item["granted"] for item in (await admin.get(path)).json()["asked"]] == [True, False]
    refused = await admin.put(path, json={"granted": ["kv:write"]})
    assert refused.status_code == 400
    assert (await admin.get(path)).json()["granted"] == ["kv:read"]
    await admin.delete(f"{PLUGINS}/regranted")


async def test_a_plugin_is_disabled_and_enabled(admin: httpx.AsyncClient) -> None:
    await upload(admin, package("switched", guest("memory")))
    off = await admin.post(f"{PLUGINS}/switched/disable")
    assert off.json()["state"] == "disabled"
    refused = await admin.post(f"{PLUGINS}/switched/functions/recall", json={})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert "enable" in refused.json()["detail"]
    assert (await admin.post(f"{PLUGINS}/switched/enable")).json()["state"] == "active"
    assert (await admin.post(f"{PLUGINS}/switched/functions/recall", json={})).status_code == 200
    await admin.delete(f"{PLUGINS}/switched")


async def test_configuration_is_checked_by_the_manifest_s_schema(admin: httpx.AsyncClient) -> None:
    schema = (
        '[config_schema]\ntype = "object"\nadditionalProperties = false\n'
        '[config_schema.properties.step]\ntype = "integer"\n'
    )
    await upload(admin, package("configured", guest("memory"), schema))
    path = f"{PLUGINS}/configured/config"
    assert (await admin.put(path, json={"step": 3})).json() == {"step": 3}
    assert (await admin.get(path)).json() == {"step": 3}
    refused = await admin.put(path, json={"step": "three"})
    assert (refused.status_code, refused.json()["path"]) == (400, "step")
    assert (await admin.put(path, content=b"[1]")).status_code == 400
    assert (await admin.get(path)).json() == {"step": 3}
    await admin.delete(f"{PLUGINS}/configured")


async def test_a_second_installation_of_a_name_is_a_conflict(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    refused = await upload(admin, package(calculator, guest("memory")))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "invalid-manifest"),
        (b"\0asm\x0d\0\x01\0", "invalid-manifest"),
        (package("text", b"(component)"), "invalid-component"),
        (package("nothing", b""), "invalid-component"),
        (package("core", component("(module)")), "invalid-component"),
        (package("bad name", component("(component)")), "invalid-manifest"),
        (
            package("foreign", component('(component (import "evil:x/y" (instance)))')),
            "import-refused",
        ),
    ],
)
async def test_what_is_no_plugin_is_refused_and_leaves_nothing(
    admin: httpx.AsyncClient, content: bytes, kind: str
) -> None:
    before = (await admin.get(PLUGINS)).json()
    refused = await upload(admin, content)
    assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{kind}")
    assert (await admin.get(PLUGINS)).json() == before


async def test_query_parameters_are_checked(admin: httpx.AsyncClient) -> None:
    refused = await upload(admin, b"x", enable="perhaps")
    assert (refused.status_code, refused.json()["path"]) == (400, "query.enable")
