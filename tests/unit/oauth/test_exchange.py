"""What a provider answers is bounded and read strictly, whatever it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.responses import StreamingResponse as Streaming

from providers import CANARY, CLIENT_ID, CLIENT_SECRET, FakeProvider, fake_provider
from wardian.errors import Unavailable
from wardian.oauth import (
    AuthMethod,
    Client,
    Grant,
    ProviderRefused,
    Server,
    TokenExchange,
    authorization_url,
    new_secret,
    server_of,
)
from wardian.policy.secret import Secret

pytestmark = pytest.mark.anyio

REDIRECT_URI = "http://127.0.0.1:1/oauth/callback/default/hub-client"
CLIENT = Client(client_id=CLIENT_ID, secret=Secret(CLIENT_SECRET))


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with fake_provider() as found:
        found.redirect_uris.add(REDIRECT_URI)
        yield found


@pytest.fixture
def exchange() -> TokenExchange:
    return TokenExchange(httpx.AsyncHTTPTransport, deadline_seconds=5)


def server(provider: FakeProvider, **changes: Any) -> Server:
    fields = {
        "authorize_url": f"{provider.url}/authorize",
        "token_url": f"{provider.url}/token",
        "revocation_url": f"{provider.url}/revoke",
    }
    return server_of(**fields | changes)


async def granted(provider: FakeProvider, scopes: tuple[str, ...] = ("read",)) -> Grant:
    """Consent as a browser does."""
    verifier = new_secret()
    url = authorization_url(
        server(provider),
        CLIENT_ID,
        redirect_uri=REDIRECT_URI,
        scopes=scopes,
        state=new_secret(),
        verifier=verifier,
    )
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
    code = httpx.URL(answer.headers["location"]).params["code"]
    return Grant(
        code=Secret(code), verifier=Secret(verifier), redirect_uri=REDIRECT_URI, scopes=scopes
    )


@pytest.mark.parametrize("method", [AuthMethod.BASIC, AuthMethod.POST])
async def test_a_code_becomes_tokens(
    provider: FakeProvider, exchange: TokenExchange, method: AuthMethod
) -> None:
    client = Client(client_id=CLIENT_ID, secret=Secret(CLIENT_SECRET), auth_method=method)

    found = await exchange.redeem(server(provider), client, await granted(provider))

    assert found.access_token.reveal() in provider.access_tokens
    assert found.refresh_token is not None
    assert (found.scopes, found.lifetime) == (("read",), timedelta(hours=1))
    assert CANARY not in repr(found)


async def test_a_public_client_shows_its_verifier_alone(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    provider.secret = None
    client = Client(client_id=CLIENT_ID, auth_method=AuthMethod.NONE)

    await exchange.redeem(server(provider), client, await granted(provider))

    (_, form), *_ = provider.received
    assert form["client_id"] == CLIENT_ID
    assert "client_secret" not in form


async def test_a_code_with_another_verifier_is_worth_nothing(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    grant = await granted(provider)
    other = Grant(
        code=grant.code,
        verifier=Secret(new_secret()),
        redirect_uri=grant.redirect_uri,
        scopes=grant.scopes,
    )

    with pytest.raises(ProviderRefused) as caught:
        await exchange.redeem(server(provider), CLIENT, other)

    assert caught.value.code == "invalid_grant"
    assert CANARY not in caught.value.message


async def test_a_refresh_gives_other_tokens(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    first = await exchange.redeem(server(provider), CLIENT, await granted(provider))
    assert first.refresh_token is not None

    second = await exchange.refresh(server(provider), CLIENT, first.refresh_token, first.scopes)

    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    with pytest.raises(ProviderRefused) as caught:
        await exchange.refresh(server(provider), CLIENT, first.refresh_token, first.scopes)
    assert caught.value.is_final


async def test_a_wrong_secret_is_no_end_of_a_refresh_token(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    first = await exchange.redeem(server(provider), CLIENT, await granted(provider))
    assert first.refresh_token is not None
    wrong = Client(client_id=CLIENT_ID, secret=Secret("wrong"))

    with pytest.raises(ProviderRefused) as caught:
        await exchange.refresh(server(provider), wrong, first.refresh_token, ())

    assert (caught.value.code, caught.value.is_final) == ("invalid_client", False)


async def test_a_revoked_token_takes_its_family_with_it(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    found = await exchange.redeem(server(provider), CLIENT, await granted(provider))
    assert found.refresh_token is not None

    await exchange.revoke(server(provider), CLIENT, found.refresh_token, "refresh_token")

    assert provider.withdrawn == {provider.access_tokens[found.access_token.reveal()]}
    with pytest.raises(Unavailable, match="no address"):
        await exchange.revoke(
            server(provider, revocation_url=None), CLIENT, found.access_token, "access_token"
        )


def tokens(**changes: Any) -> Response:
    usual = {"access_token": f"{CANARY}-odd", "token_type": "bearer", "expires_in": 60}
    return JSONResponse(
        {name: value for name, value in (usual | changes).items() if value is not ...}
    )


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65_536
        await asyncio.sleep(0)  # the server hears that nobody listens any more


ODD = {
    "no JSON": lambda: PlainTextResponse("access_token=canary-odd&token_type=bearer"),
    "a list": lambda: JSONResponse([f"{CANARY}-odd"]),
    "deep": lambda: PlainTextResponse("[" * 60_000),
    "not UTF-8": lambda: Response(b'{"access_token": "\xff"}'),
    "no token": lambda: tokens(access_token=...),
    "an empty token": lambda: tokens(access_token=""),
    "a number for a token": lambda: tokens(access_token=7),
    "a token with a line break": lambda: tokens(access_token=f"{CANARY}\r\nx-evil: 1"),
    "a token with a space": lambda: tokens(access_token=f"{CANARY} odd"),
    "a token beyond ASCII": lambda: tokens(access_token=f"{CANARY}é"),
    "a refresh token with a line break": lambda: tokens(refresh_token=f"{CANARY}\n"),
    "no type": lambda: tokens(token_type=...),
    "another type": lambda: tokens(token_type="mac"),
    "DPoP": lambda: tokens(token_type="DPoP"),
    "negative": lambda: tokens(expires_in=-1),
    "nought": lambda: tokens(expires_in=0),
    "negative text": lambda: tokens(expires_in="-60"),
    "for ever": lambda: tokens(expires_in=10**11),
    "beyond all": lambda: tokens(expires_in=10**30),
    "true": lambda: tokens(expires_in=True),
    "a word": lambda: tokens(expires_in="soon"),
    "a fraction": lambda: tokens(expires_in="6.5e1"),
    "a scope that is none": lambda: tokens(scope='read "write"'),
    "scopes without end": lambda: tokens(scope=" ".join(f"s{n}" for n in range(1000))),
    "a redirect": lambda: RedirectResponse("https://evil.example/token", 307),
    "an empty answer": lambda: Response(status_code=204),
    "a fault": lambda: tokens_with(500),
    "created": lambda: tokens_with(201),
    "huge": lambda: Streaming(endless(), media_type="application/json"),
    "compressed": lambda: Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}),
}


def tokens_with(status: int) -> Response:
    answer = tokens()
    answer.status_code = status
    return answer


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_answer_is_refused_and_not_repeated(
    provider: FakeProvider, exchange: TokenExchange, odd: str
) -> None:
    grant = await granted(provider)
    provider.be(answering=ODD[odd])

    with pytest.raises(Unavailable) as caught:
        await exchange.redeem(server(provider), CLIENT, grant)

    assert CANARY not in caught.value.message
    assert "evil" not in caught.value.message
    assert not isinstance(caught.value, ProviderRefused)


@pytest.mark.parametrize("expires_in", [3600, "3600", 1, 10**8])
async def test_seconds_may_come_as_text(
    provider: FakeProvider, exchange: TokenExchange, expires_in: Any
) -> None:
    provider.be(expires_in=expires_in)

    found = await exchange.redeem(server(provider), CLIENT, await granted(provider))

    assert found.lifetime == timedelta(seconds=int(expires_in))


@pytest.mark.parametrize(
    ("said", "scopes"),
    [("read", ("read",)), ("repo,gist", ("repo", "gist")), ("a  b a", ("a", "b")), ("", ())],
)
async def test_scopes_are_those_that_the_provider_says(
    provider: FakeProvider, exchange: TokenExchange, said: str, scopes: tuple[str, ...]
) -> None:
    provider.be(grants=said)

    found = await exchange.redeem(server(provider), CLIENT, await granted(provider))

    assert found.scopes == scopes


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    ("error", "code"),
    [("bad_verification_code", "bad_verification_code"), ("No <b>!", "unknown"), (7, "unknown")],
)
async def test_a_refusal_is_told_by_its_code(
    provider: FakeProvider, exchange: TokenExchange, status: int, error: Any, code: str
) -> None:
    grant = await granted(provider)
    provider.be(answering=lambda: JSONResponse({"error": error}, status))

    with pytest.raises(ProviderRefused) as caught:
        await exchange.redeem(server(provider), CLIENT, grant)

    assert caught.value.code == code
    assert "<b>" not in caught.value.message


async def test_a_provider_that_does_not_answer_in_time_is_not_waited_for(
    provider: FakeProvider,
) -> None:
    grant = await granted(provider)
    never = asyncio.Event()
    provider.be(before_token=never.wait)

    with pytest.raises(Unavailable, match=r"within 0\.2 s"):
        await TokenExchange(httpx.AsyncHTTPTransport, deadline_seconds=0.2).redeem(
            server(provider), CLIENT, grant
        )
    never.set()


async def test_a_provider_that_drips_is_not_waited_for(provider: FakeProvider) -> None:
    never = asyncio.Event()

    async def drips() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    grant = await granted(provider)
    provider.be(answering=lambda: Streaming(drips()))

    with pytest.raises(Unavailable, match="within"):
        await TokenExchange(httpx.AsyncHTTPTransport, deadline_seconds=0.2).redeem(
            server(provider), CLIENT, grant
        )
    never.set()


async def test_a_provider_that_is_not_there_is_named(exchange: TokenExchange) -> None:
    gone = server_of(authorize_url="http://127.0.0.1:1/a", token_url="http://127.0.0.1:1/t")

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 did not answer: ConnectError"):
        await exchange.refresh(gone, CLIENT, Secret(f"{CANARY}-refresh"), ())


async def test_proxies_of_the_environment_are_not_used(
    provider: FakeProvider, exchange: TokenExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = await granted(provider)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    await exchange.redeem(server(provider), CLIENT, grant)


def described(provider: FakeProvider, **changes: Any) -> dict[str, Any]:
    return {
        "issuer": provider.url,
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "revocation_endpoint": f"{provider.url}/revoke",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    } | changes


async def test_an_issuer_says_where_its_endpoints_are(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    provider.metadata = described(provider)

    found = await exchange.discover(provider.url)

    assert found == server(provider, issuer=provider.url, says_issuer=True)


async def test_an_issuer_without_metadata_is_refused(
    provider: FakeProvider, exchange: TokenExchange
) -> None:
    with pytest.raises(Unavailable, match="has no metadata"):
        await exchange.discover(provider.url)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"issuer": "https://id.example"}, "another issuer"),
        ({"token_endpoint": "javascript:alert(1)"}, "token_url"),
        ({"token_endpoint": "http://evil.example/token"}, "token_url"),
        ({"authorization_endpoint": "data:text/html,x"}, "authorization_url"),
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"token_endpoint": None}, "cannot be read"),
        ({"authorization_response_iss_parameter_supported": "yes"}, "cannot be read"),
    ],
)
async def test_metadata_that_would_mislead_are_refused(
    provider: FakeProvider, exchange: TokenExchange, changes: dict[str, Any], match: str
) -> None:
    provider.metadata = described(provider, **changes)

    with pytest.raises(Unavailable, match=match):
        await exchange.discover(provider.url)
