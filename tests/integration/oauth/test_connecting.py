"""A plugin is connected in a browser: from the operator's start to tokens in the vault."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

import packages
from connecting import CLIENT, EVIL, MANIFEST, PLUGIN, PROVIDER, World
from hosts import WASM, package
from providers import CANARY
from telling import check_fields
from wardian.errors import Conflict, InvalidArguments, NotFound, RateLimited
from wardian.policy.secret import Secret
from wardian.runtime.oauth import flows
from wardian.vault import Bound, Kind

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def test_a_plugin_is_connected_in_a_browser(world: World) -> None:
    page = await world.connect()

    assert page.status_code == 200, page.text
    assert "is connected to hub" in page.text
    held = await world.held()
    assert held.kind is Kind.OAUTH2_TOKEN
    assert held.secrets["access_token"].reveal() in world.provider.access_tokens
    assert [str(origin) for origin in held.bound.origins] == [f"{world.provider.url}/api/"]
    view = await world.status()
    assert (view.state, view.granted, view.missing, view.extra) == (
        "connected",
        ["read", "write"],
        [],
        [],
    )
    assert (view.connected_by, view.renewed, view.fault) == ("op", True, None)


async def test_what_somebody_agrees_to_is_said_before_anything_happens(world: World) -> None:
    url = await world.start()

    page = await world.browser().open(url)

    for said in ("stores", "hub", "read, write", "op", "127.0.0.1", "default"):
        assert said in page.text
    assert world.provider.codes == {}
    assert (await world.status()).waiting_until is not None


async def test_the_provider_is_asked_as_the_standards_say(world: World) -> None:
    sent = urlsplit(await world.browser().sent(await world.start()))

    query = {name: value for name, (value,) in parse_qs(sent.query).items()}
    assert f"{sent.scheme}://{sent.netloc}{sent.path}" == f"{world.provider.url}/authorize"
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "read write"
    assert query["redirect_uri"] == f"{world.url}/oauth/callback/default/{CLIENT}"
    assert len(query["state"]) == 43


async def test_the_addresses_of_a_manifest_are_shown_and_not_used(world: World) -> None:
    """A stranger's manifest must not have the operator's secret sent to a server of theirs."""
    await world.connect()

    view = await world.status()
    assert view.manifest_token_url == f"{EVIL}/token"
    assert view.token_url == f"{world.provider.url}/token"
    assert {path for path, _ in world.provider.received} == {"/token"}


async def test_without_a_client_it_is_said_how_to_make_one(world: World) -> None:
    with pytest.raises(NotFound, match="oauth2-client"):
        await world.host.host.oauth_flows.start(PLUGIN, PROVIDER, client="nobody")


async def test_a_provider_that_the_manifest_does_not_name_is_none(world: World) -> None:
    with pytest.raises(NotFound, match="it names hub"):
        await world.host.host.oauth_flows.start(PLUGIN, "github")


async def test_a_credential_of_another_kind_is_no_client(world: World) -> None:
    await world.host.parts.vault.put(
        "default",
        owner=None,
        name="a-token",
        kind=Kind.BEARER,
        public={},
        secrets={"token": Secret("canary-bearer")},
        bound=Bound(),
    )

    with pytest.raises(InvalidArguments, match="of the kind bearer"):
        await world.host.host.oauth_flows.start(PLUGIN, PROVIDER, client="a-token")


async def test_a_credential_that_an_operator_made_is_not_written_over(world: World) -> None:
    plugin = await world.host.parts.registry.get("default", PLUGIN)
    url = await world.start()
    back = await world.browser().consented(url)
    await world.host.parts.vault.put(
        "default",
        owner=plugin.id,
        name=PROVIDER,
        kind=Kind.BEARER,
        public={},
        secrets={"token": Secret("canary-bearer")},
        bound=Bound(),
    )

    page = await world.browsers[-1].open(back)

    assert page.status_code == 409
    assert (await world.held()).kind is Kind.BEARER
    with pytest.raises(Conflict, match="remove that first"):
        await world.start()


async def test_tokens_go_where_the_operator_says(world: World) -> None:
    await world.connect(origins=["https://api.example.org/repos/"])

    assert (await world.status()).origins == ["https://api.example.org/repos/"]


async def test_tokens_without_a_place_to_go_are_not_asked_for(world: World) -> None:
    await world.host.parts.vault.put(
        "default",
        owner=None,
        name="bare",
        kind=Kind.OAUTH2_CLIENT,
        public=world.provider.fields,
        secrets={},
        bound=Bound(),
    )

    with pytest.raises(InvalidArguments) as caught:
        await world.host.host.oauth_flows.start(PLUGIN, PROVIDER, client="bare")

    assert caught.value.path == "origins"


async def test_a_client_may_name_its_issuer_alone(world: World) -> None:
    world.provider.metadata = {
        "issuer": world.provider.url,
        "authorization_endpoint": f"{world.provider.url}/authorize",
        "token_endpoint": f"{world.provider.url}/token",
        "authorization_response_iss_parameter_supported": True,
    }
    world.provider.be(issuer=world.provider.url)
    addresses = dict.fromkeys(("authorization_url", "token_url", "revocation_url"))
    await world.register("by-issuer", issuer=world.provider.url, **addresses)

    page = await world.connect(client="by-issuer")

    assert page.status_code == 200, page.text


@pytest.mark.parametrize(
    "fields",
    [
        {"authorization_url": None, "token_url": None, "revocation_url": None},
        {"token_url": None},
        {"provider": "github"},
        {"provider": "nowhere", "authorization_url": None, "token_url": None},
        {"authorization_url": "http://id.example/authorize"},
        {"token_url": "http://id.example/token"},
        {"authorization_url": "https://id.example/authorize?state=x"},
    ],
)
async def test_a_client_that_could_be_sent_elsewhere_is_refused(
    world: World, fields: dict[str, str | None]
) -> None:
    await world.register("odd", **fields)

    with pytest.raises(InvalidArguments):
        await world.host.host.oauth_flows.start(PLUGIN, PROVIDER, client="odd")


async def test_a_known_provider_needs_no_addresses(world: World) -> None:
    names = ("authorization_url", "token_url", "revocation_url")
    await world.register("known", provider="github", **dict.fromkeys(names))

    sent = urlsplit(await world.browser().sent(await world.start(client="known")))

    assert sent.netloc == "github.com"


async def test_a_provider_that_requests_may_not_go_to_is_not_reached(world: World) -> None:
    """The token endpoint is reached through the broker, which judges its address."""
    await world.register("inside", token_url="http://[::1]:9/token", issuer=None)
    browser = world.browser()
    world.provider.redirect_uris.add(f"{world.url}/oauth/callback/default/inside")

    page = await browser.connect(await world.start(client="inside"))

    assert page.status_code == 503
    assert "not on the internet" in page.text


async def test_flows_of_a_tenant_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "FLOWS_MAX", 1)
    await world.start()
    await world.start()  # it takes the place of the one before
    await world.host.host.install(package("others", more='[[oauth]]\nprovider = "hub"\n'))

    with pytest.raises(RateLimited):
        await world.host.host.oauth_flows.start("others", PROVIDER)
    world.clock.forward(minutes=11)
    await world.host.host.oauth_flows.start("others", PROVIDER)


async def test_fewer_scopes_than_asked_for_are_refused_and_given_back(world: World) -> None:
    world.provider.be(grants="read")

    page = await world.connect()

    assert page.status_code == 403
    assert "It lacks: write" in page.text
    assert (await world.status()).state == "not-connected"
    assert world.provider.withdrawn == set(world.provider.access_tokens.values())


async def test_fewer_scopes_are_taken_where_the_operator_says_so(world: World) -> None:
    world.provider.be(grants="read")

    page = await world.connect(accept_fewer=True)

    assert page.status_code == 200
    assert "Missing: write" in page.text
    assert (await world.status()).missing == ["write"]


async def test_more_scopes_than_asked_for_are_told(world: World) -> None:
    world.provider.be(grants="read write admin")

    page = await world.connect()

    assert "Granted without being asked for: admin" in page.text
    assert (await world.status()).extra == ["admin"]


async def test_a_later_version_that_asks_for_more_lacks_it(world: World) -> None:
    await world.connect()
    more = MANIFEST.replace('"write"', '"write", "delete"')
    newer = packages.package(PLUGIN, WASM, more, version="1.1.0")

    await world.host.host.upgrade(newer, approve="all")

    view = await world.status()
    assert (view.state, view.missing) == ("connected", ["delete"])


async def test_disconnecting_revokes_and_forgets(world: World) -> None:
    await world.connect()
    (family,) = set(world.provider.access_tokens.values())

    done = await world.host.host.connections.disconnect(PLUGIN, PROVIDER)

    assert (done.revoked, done.detail) == (True, "")
    assert world.provider.withdrawn == {family}
    assert (await world.status()).state == "not-connected"
    with pytest.raises(NotFound):
        await world.host.host.connections.disconnect(PLUGIN, PROVIDER)


async def test_disconnecting_forgets_also_what_cannot_be_revoked(world: World) -> None:
    await world.register("no-revocation", revocation_url=None)
    await world.connect(client="no-revocation")

    done = await world.host.host.connections.disconnect(PLUGIN, PROVIDER)

    assert not done.revoked
    assert "no address" in done.detail
    assert (await world.status()).state == "not-connected"


async def test_disconnecting_ends_a_flow_too(world: World) -> None:
    url = await world.start()

    await world.host.host.connections.disconnect(PLUGIN, PROVIDER)

    assert (await world.browser().open(url)).status_code == 404
    assert (await world.status()).waiting_until is None


async def test_what_happens_is_told_without_a_secret(world: World) -> None:
    await world.connect()
    await world.host.host.connections.disconnect(PLUGIN, PROVIDER)

    events = await world.host.host.events.recent(50, "plugin.*", tenant="default")

    topics = [event.topic for event in events]
    assert topics[:3] == [
        "plugin.oauth-disconnected",
        "plugin.oauth-connected",
        "plugin.oauth-started",
    ]
    assert all(CANARY not in event.data for event in events)
    for event in events:
        check_fields(event)


async def test_a_client_that_is_gone_leaves_a_flow_nothing(world: World) -> None:
    back = await world.browser().consented(await world.start())
    await world.host.parts.vault.remove("default", owner=None, name=CLIENT)

    page = await world.browsers[-1].open(back)

    assert page.status_code == 404
    assert world.provider.received == []


async def test_a_provider_that_is_down_is_told(world: World) -> None:
    await world.register("gone", token_url="http://127.0.0.1:1/token")
    page = await world.connect(client="gone")

    assert page.status_code == 503
    with pytest.raises(NotFound):
        await world.held()
