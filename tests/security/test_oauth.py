"""D-14: attacks on the way to an OAuth provider and back, against a stand-in on loopback.

Each has an attacker who knows what an attacker can know: addresses, their own flows and codes, and
what a server of theirs is sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import text as sql

import hosts
from connecting import CLIENT, EVIL, MANIFEST, PLUGIN, PROVIDER, Browser, World
from connecting import world as open_world
from providers import CANARY, CLIENT_ID, fake_provider
from rows import everything
from wardian.errors import NotFound, Unavailable
from wardian.oauth import new_secret

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "data") as found:
        await found.register()
        yield found


async def not_connected(world: World) -> bool:
    return (await world.status()).state == "not-connected"


def query_of(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def with_query(url: str, **changes: str | None) -> str:
    query = {**query_of(url), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(kept)}"


async def test_d_14_csrf_an_answer_counts_only_in_the_browser_that_began(world: World) -> None:
    """An attacker stops at the last step with an account of theirs, and has a victim take it."""
    back = await world.browser().consented(await world.start())
    victim = world.browser()

    page = await victim.open(back)

    assert page.status_code == 400
    assert "not the one that began" in page.text
    assert await not_connected(world)
    assert world.provider.received == []
    assert (await world.browsers[0].open(back)).status_code == 404  # it is spent, too


async def test_d_14_csrf_nobody_agrees_for_somebody_else(world: World) -> None:
    """An attacker has a victim's browser send the form, and the provider asks nothing more."""
    ticket = query_of(await world.start())["ticket"]
    attacker, victim = world.browser(), world.browser()
    shown = await attacker.open(f"{world.url}/oauth/connect?ticket={ticket}")
    confirmation = shown.text.partition('name="confirmation" value="')[2][:64]
    await victim.open(await world.start())

    for fields in ({}, {"confirmation": confirmation}, {"confirmation": ""}):
        answer = await victim.http.post(
            f"{world.url}/oauth/connect", data={"ticket": ticket, **fields}
        )
        assert answer.status_code == 400, fields
    assert world.provider.codes == {}


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none"])
async def test_d_14_csrf_a_cookie_that_others_could_set_is_not_enough(
    world: World, site: str
) -> None:
    """A page of another port of this machine sets the cookie, and sends the form that goes with
    it; only the browser tells where that came from."""
    victim = world.browser()
    page = await victim.open(await world.start())
    victim.http.headers["sec-fetch-site"] = site

    assert (await victim.agree(page)).status_code == 400
    assert world.provider.codes == {}
    victim.http.headers["sec-fetch-site"] = "same-origin"
    assert (await victim.agree(page)).status_code == 303


async def test_d_14_code_injection_a_code_of_another_flow_is_worth_nothing(world: World) -> None:
    """An attacker puts a stolen code into a flow of theirs: PKCE binds it to its own."""
    stolen = query_of(await world.browser().consented(await world.start()))["code"]
    attacker = world.browser()
    back = await attacker.consented(await world.start())

    page = await attacker.open(with_query(back, code=stolen))

    assert page.status_code == 503
    assert "invalid_grant" in page.text
    assert await not_connected(world)


async def test_d_14_mix_up_a_code_never_goes_to_another_server(world: World) -> None:
    """A server of an attacker's sends the browser on to the honest one, with its own state.

    The honest one's answer then comes with a state of the attacker's flow.
    """
    async with fake_provider() as evil:
        await world.register("evil-client", **evil.fields)
        browser = world.browser()
        sent = query_of(await browser.sent(await world.start(client="evil-client")))
        honest = f"{world.url}/oauth/callback/default/{CLIENT}"
        answer = await browser.http.get(
            f"{world.provider.url}/authorize?"
            + urlencode({**sent, "client_id": CLIENT_ID, "redirect_uri": honest})
        )

        page = await browser.open(answer.headers["location"])

        assert page.status_code == 400
        assert "another client" in page.text
        assert evil.received == world.provider.received == []
    assert await not_connected(world)


@pytest.mark.parametrize(
    "changes",
    [{"iss": EVIL}, {"iss": None}, {"iss": "https://id.example/"}],
    ids=["another", "missing", "a slash"],
)
async def test_d_14_mix_up_an_answer_says_whose_it_is(
    world: World, changes: dict[str, str | None]
) -> None:
    """RFC 9207, for a server that promises to name itself."""
    issuer = world.provider.url
    world.provider.metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "authorization_response_iss_parameter_supported": True,
    }
    world.provider.be(issuer=issuer)
    addresses = dict.fromkeys(("authorization_url", "token_url", "revocation_url"))
    await world.register("named", issuer=issuer, **addresses)
    back = await world.browser().consented(await world.start(client="named"))

    page = await world.browsers[-1].open(with_query(back, **changes))

    assert page.status_code == 400
    assert "evil" not in page.text
    assert world.provider.received == []


async def test_d_14_mix_up_tokens_are_remembered_where_they_came_from(world: World) -> None:
    """While somebody is away, the issuer says that its tokens come from elsewhere by now."""
    issuer = world.provider.url
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
    }
    world.provider.metadata = metadata
    addresses = dict.fromkeys(("authorization_url", "token_url", "revocation_url"))
    await world.register("by-issuer", issuer=issuer, **addresses)
    browser = world.browser()
    back = await browser.consented(await world.start(client="by-issuer"))
    world.provider.metadata = metadata | {"token_endpoint": f"{issuer}/elsewhere"}
    world.host.host.oauth_flows._parts.clients._discovered.clear()  # an hour later

    assert (await browser.open(back)).status_code == 200

    assert (await world.held()).public["token_url"] == f"{issuer}/token"


async def test_d_14_mix_up_a_manifest_does_not_direct_the_secret(world: World) -> None:
    async with fake_provider() as evil:
        more = MANIFEST.replace(EVIL, evil.url)
        await world.host.host.uninstall(PLUGIN)
        # A manifest takes https addresses only, so this one says what it would if it could.
        await world.host.host.install(
            hosts.package(PLUGIN, more=more.replace("http://", "https://"))
        )
        await world.connect()

        assert evil.received == []
        assert world.provider.exchanges("authorization_code") == 1


async def test_d_14_open_redirect_the_host_sends_nobody_where_an_address_says(
    world: World,
) -> None:
    browser = world.browser()
    url = await world.start()
    tempting = urlencode(
        {"return_to": EVIL, "next": EVIL, "redirect_uri": EVIL, "url": EVIL, "iss": EVIL}
    )

    page = await browser.open(f"{url}&{tempting}")
    answer = await browser.agree(page)
    back = (await browser.http.get(answer.headers["location"])).headers["location"]
    last = await browser.http.get(f"{back}&{tempting.partition('&iss')[0]}")

    assert urlsplit(answer.headers["location"]).netloc == urlsplit(world.provider.url).netloc
    assert "evil" not in answer.headers["location"]
    assert "location" not in last.headers
    assert "evil" not in page.text + last.text


async def test_d_14_open_redirect_a_provider_takes_only_the_address_it_knows(
    world: World,
) -> None:
    browser = world.browser()
    sent = await browser.sent(await world.start())

    refused = await browser.http.get(with_query(sent, redirect_uri=f"{EVIL}/oauth/callback"))

    assert refused.status_code == 400


async def test_d_14_refresh_replay_breaks_the_connection_for_everybody(world: World) -> None:
    """A thief of the database's copy uses a refresh token: the provider withdraws the family."""
    await world.connect()
    stolen = (await world.held()).secrets["refresh_token"].reveal()
    world.clock.forward(hours=2)
    await world.fresh()
    thief = Browser()
    world.browsers.append(thief)
    form = {"grant_type": "refresh_token", "refresh_token": stolen}
    auth = (CLIENT_ID, "canary%20client%2Fsecret%2Bwith%3Asigns")

    replayed = await thief.http.post(f"{world.provider.url}/token", data=form, auth=auth)

    assert replayed.status_code == 400
    world.clock.forward(hours=2)
    with pytest.raises(Unavailable, match="Connect it again"):
        await world.fresh()
    assert (await world.status()).state == "broken"


async def test_d_14_a_callback_works_once(world: World) -> None:
    browser = world.browser()
    back = await browser.consented(await world.start())

    pages = await asyncio.gather(*(browser.open(back) for _ in range(10)))

    assert sorted(page.status_code for page in pages) == [200] + [404] * 9
    assert world.provider.exchanges("authorization_code") == 1
    assert world.provider.withdrawn == set()


async def test_d_14_a_ticket_belongs_to_one_browser(world: World) -> None:
    url = await world.start()
    browsers = [world.browser() for _ in range(5)]
    pages = [await browser.open(url) for browser in browsers]

    answers = await asyncio.gather(
        *(browser.agree(page) for browser, page in zip(browsers, pages, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 4


async def test_d_14_a_ticket_is_no_state(world: World) -> None:
    ticket = query_of(await world.start())["ticket"]

    page = await world.browser().open(
        f"{world.url}/oauth/callback/default/{CLIENT}?state={ticket}&code=x"
    )

    assert page.status_code == 404


@pytest.mark.parametrize("when", ["before it begins", "at the provider"])
async def test_d_14_a_flow_ends_after_ten_minutes(world: World, when: str) -> None:
    url = await world.start()
    browser = world.browser()
    target = url if when == "before it begins" else await browser.consented(url)
    world.clock.forward(minutes=10, seconds=1)

    page = await browser.open(target)

    assert page.status_code == 404
    assert world.provider.received == []


async def test_d_14_a_state_of_another_tenant_or_client_is_none(world: World) -> None:
    back = await world.browser().consented(await world.start())
    path = "/oauth/callback/default/"
    assert path in back

    page = await world.browsers[-1].open(back.replace(path, "/oauth/callback/other/"))

    assert page.status_code == 400
    assert (await world.browsers[-1].open(back)).status_code == 404
    assert world.provider.received == []


async def test_d_14_a_flow_of_a_plugin_does_not_connect_its_successor(world: World) -> None:
    back = await world.browser().consented(await world.start())
    await world.host.host.uninstall(PLUGIN)
    await world.host.host.install(hosts.package(PLUGIN, more=MANIFEST))

    page = await world.browsers[-1].open(back)

    assert page.status_code == 404  # its flows went with the plugin
    assert world.provider.received == []


async def test_d_14_a_client_changed_meanwhile_is_not_used(world: World) -> None:
    """Its new secret may be for another server than the flow was sent to."""
    back = await world.browser().consented(await world.start())
    await world.register()

    page = await world.browsers[-1].open(back)

    assert page.status_code == 409
    assert world.provider.received == []


async def test_d_14_a_flow_cannot_be_changed_in_the_database(world: World) -> None:
    first = await world.browser().consented(await world.start())
    database = world.host.parts.database
    async with database.transaction() as connection:
        flows = connection.of("default")
        raw = await flows.execute(sql("SELECT sealed FROM oauth_flows"))
        sealed = bytearray(raw.scalar_one())
        sealed[-1] ^= 1
        await flows.execute(sql("UPDATE oauth_flows SET sealed = :s").bindparams(s=bytes(sealed)))

    page = await world.browsers[-1].open(first)

    assert page.status_code == 500
    assert "its log has the details" in page.text
    assert world.provider.received == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("access_denied", "access_denied"),
        ("<script>alert(1)</script>", "unknown"),
        ("canary", "unknown"),
    ],
)
async def test_d_14_an_error_that_comes_back_is_not_repeated(
    world: World, error: str, told: str
) -> None:
    world.provider.be(refuses=error)

    page = await world.connect()

    assert page.status_code == 403
    assert f"without consent: {told}." in page.text
    assert "<script>" not in page.text
    assert CANARY not in page.text
    assert await not_connected(world)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=<script>&code=x",
        "code=x",
        f"state={'s' * 43}&code=x&code=y",
        f"state={'s' * 43}&code=x",
        f"state={'s' * 43}&error=<img src=x>",
        "x" * 9000,
    ],
)
async def test_d_14_what_is_no_answer_is_answered_with_a_page(world: World, query: str) -> None:
    page = await world.browser().open(f"{world.url}/oauth/callback/default/{CLIENT}?{query}")

    assert page.status_code in {400, 404}
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "set-cookie" not in page.headers


async def test_d_14_what_is_shown_is_escaped(world: World) -> None:
    found = await world.host.host.oauth_flows.start(
        PLUGIN, PROVIDER, actor='<img src="x" onerror="alert(1)">'
    )

    page = await world.browser().open(found.authorize_url)

    assert "<img" not in page.text
    assert "&lt;img" in page.text


async def test_d_14_pages_tell_no_other_site_where_they_were(world: World) -> None:
    browser = world.browser()
    page = await browser.open(await world.start())
    answer = await browser.agree(page)
    last = await browser.open(
        (await browser.http.get(answer.headers["location"])).headers["location"]
    )

    for each in (page, answer, last):
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in each.headers["content-security-policy"]
        assert "script" not in each.headers["content-security-policy"]
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_d_14_behind_tls_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data", public_url="https://wardian.example") as world:
        await world.register()
        url = await world.start()
        assert url.startswith("https://wardian.example/oauth/connect?ticket=")

        page = await world.browser().open(url.replace("https://wardian.example", world.url))

    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-wardian-oauth=")
    assert "Secure" in cookie
    assert "Path=/;" in f"{cookie};"
    assert "Domain" not in cookie


async def test_d_14_strangers_may_not_ask_without_end(world: World) -> None:
    browser = world.browser()
    answers = [
        await browser.http.get(
            f"{world.url}/oauth/callback/default/{CLIENT}?state={new_secret()}&code=x"
        )
        for _ in range(70)
    ]

    assert answers[0].status_code == 404
    assert answers[-1].status_code == 429


async def test_d_14_another_tenant_sees_and_ends_nothing(world: World) -> None:
    await world.host.host.tenants.create("other")
    await world.connect()
    connections, flows = world.host.host.connections, world.host.host.oauth_flows

    with pytest.raises(NotFound):
        await connections.list(PLUGIN, tenant="other")
    with pytest.raises(NotFound):
        await connections.disconnect(PLUGIN, PROVIDER, tenant="other")
    with pytest.raises(NotFound):
        await flows.start(PLUGIN, PROVIDER, tenant="other")
    assert (await world.status()).state == "connected"


async def test_d_14_tokens_and_codes_are_in_no_log_event_audit_page_or_file(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="wardian")
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    browser = world.browser()
    url = await world.start()
    back = await browser.consented(url)
    await browser.open(back)
    await browser.open(back)
    world.clock.forward(hours=2)
    await world.fresh()
    world.provider.refresh_tokens.clear()
    world.clock.forward(hours=2)
    with suppress(Unavailable):
        await world.fresh()
    status = repr(await world.status()) + repr(await world.host.parts.vault.list("default"))
    await world.host.host.connections.disconnect(PLUGIN, PROVIDER)

    events = await world.host.host.events.recent(500, "*", tenant="default")
    async with world.host.parts.database.reading() as connection:
        rows = (
            await connection.of("default").execute(sql("SELECT action, detail FROM audit"))
        ).all()
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    sinks = [
        *(record.getMessage() for record in caplog.records if record.name != "uvicorn.access"),
        json.dumps([event.data for event in events]),
        repr(rows),
        status,
        *(page.text for page in browser.pages[1:]),
        files.decode("latin-1"),
        (await everything(world.host.parts.database)).decode("latin-1"),
    ]
    secrets = [*world.provider.made, query_of(url)["ticket"], query_of(back)["state"]]
    assert len(world.provider.made) >= 5
    assert len(rows) >= 5
    for secret in secrets:
        shown = [sink for sink in sinks if secret in sink]
        assert shown == [], secret
