from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from packages import package

pytestmark = pytest.mark.anyio

PLUGINS = "/api/v1/plugins"
INSTALLS = "/api/v1/installs"


def needing(name: str, version: str = "1.0.0", **needs: str) -> bytes:
    lines = "".join(f'{need} = "{accepts}"\n' for need, accepts in needs.items())
    return package(name, guest("memory"), f"[dependencies]\n{lines}", version)


BILLING = needing("billing", "2.0.0")
ORDERS = needing("orders", billing="^2")


def form(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("package", (f"{index}.wardian", each)) for index, each in enumerate(contents)]


async def state_of(client: httpx.AsyncClient, name: str) -> str:
    state: str = (await client.get(f"{PLUGINS}/{name}")).json()["state"]
    return state


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Orders and billing, installed together."""
    made = await admin.post(INSTALLS, files=form(ORDERS, BILLING))
    assert made.status_code == 201, made.text
    yield admin
    await admin.delete(f"{PLUGINS}/billing?cascade=true")
    await admin.delete(f"{PLUGINS}/orders")


async def test_packages_are_installed_together_in_the_order_that_they_need(
    admin: httpx.AsyncClient,
) -> None:
    made = await admin.post(INSTALLS, files=form(ORDERS, needing("billing", "1.0.0"), BILLING))

    assert made.status_code == 201, made.text
    assert [(view["name"], view["state"]) for view in made.json()["installed"]] == [
        ("billing", "active"),
        ("orders", "active"),
    ]
    assert made.json()["left_out"] == ["billing 1.0.0"]
    gone = await admin.delete(f"{PLUGINS}/billing", params={"cascade": "true"})
    assert (gone.status_code, gone.json()) == (200, {"uninstalled": ["orders", "billing"]})


async def test_of_packages_of_which_one_cannot_be_installed_none_is(
    admin: httpx.AsyncClient,
) -> None:
    refused = await admin.post(INSTALLS, files=form(BILLING, needing("orders", ledger="*")))

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert "orders 1.0.0 → ledger *: no plugin named ledger" in refused.json()["detail"]
    assert (await admin.get(f"{PLUGINS}/billing")).status_code == 404


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ([("other", ("x", b"x"))], "other"),
        ([("signature", ("x", b"x"))], "signature"),
        (
            [("package", ("p", b"x")), ("signature", ("s", b"x")), ("signature", ("s", b"x"))],
            "signature",
        ),
    ],
)
async def test_a_form_of_something_else_is_refused(
    admin: httpx.AsyncClient, files: list[tuple[str, tuple[str, bytes]]], path: str
) -> None:
    refused = await admin.post(INSTALLS, files=files)

    assert (refused.status_code, refused.json()["path"]) == (400, path)


async def test_another_kind_of_body_or_no_file_at_all_is_refused(
    admin: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    assert (await admin.post(INSTALLS, content=BILLING)).status_code == 415
    empty = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await admin.post(INSTALLS, content=b"--x--\r\n", headers=empty)).status_code == 400
    assert (await stranger.post(INSTALLS, files=form(BILLING))).status_code == 401


async def test_a_body_of_all_packages_is_bounded_as_that_of_one(admin: httpx.AsyncClient) -> None:
    refused = await admin.post(INSTALLS, files=form(b"x" * 600_000, b"x" * 600_000))

    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/payload-too-large")


async def test_what_is_needed_is_taken_away_with_a_cascade_only(shop: httpx.AsyncClient) -> None:
    refused = await shop.post(f"{PLUGINS}/billing/disable")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert "orders 1.0.0 → billing ^2" in refused.json()["detail"]
    assert (await shop.delete(f"{PLUGINS}/billing")).status_code == 409

    done = await shop.post(f"{PLUGINS}/billing/disable", params={"cascade": "true"})
    assert done.json()["state"] == "disabled"
    (also,) = done.json()["also"]
    assert (also["name"], also["state"]) == ("orders", "disabled")
    assert also["state_reason"].startswith("needs billing, which was disabled by")

    refused = await shop.post(f"{PLUGINS}/orders/enable")
    assert refused.status_code == 409
    assert "billing 2.0.0 is disabled" in refused.json()["detail"]
    done = await shop.post(f"{PLUGINS}/orders/enable", params={"cascade": "true"})
    assert [each["name"] for each in done.json()["also"]] == ["billing"]
    assert await state_of(shop, "orders") == "active"


async def test_dependencies_are_told_both_ways(shop: httpx.AsyncClient) -> None:
    orders = (await shop.get(f"{PLUGINS}/orders/dependencies")).json()
    assert orders["needs"] == [
        {
            "name": "billing",
            "range": "^2",
            "version": "2.0.0",
            "state": "active",
            "satisfied": True,
            "shortened": False,
            "needs": [],
        }
    ]
    billing = (await shop.get(f"{PLUGINS}/billing/dependencies")).json()
    assert [each["name"] for each in billing["needed_by"]] == ["orders"]
    assert billing["enabled_dependents"] == ["orders"]
    assert (await shop.get(f"{PLUGINS}/nobody/dependencies")).status_code == 404
