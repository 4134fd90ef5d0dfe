"""Requests to a provider, bounded in time and size: its addresses may be a stranger's idea."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request

from wardian.errors import Unavailable
from wardian.oauth.metadata import places_of, read_metadata
from wardian.oauth.servers import AuthMethod, Client, Server
from wardian.oauth.tokens import Tokens, read_error, read_tokens
from wardian.policy.secret import Secret
from wardian.policy.urls import parse_url

ANSWER_BYTES_MAX = 64 * 1024
DEADLINE_SECONDS = 15.0

Transports = Callable[[], httpx.AsyncBaseTransport]
"""Makes what requests are sent through; the host's looks at each address before it connects."""

_FORM = {"content-type": "application/x-www-form-urlencoded"}
# An answer that is not compressed cannot unfold to more than was read.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "wardian"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a code is exchanged with: all of it belongs to the one flow that brought the code."""

    code: Secret
    verifier: Secret
    redirect_uri: str
    scopes: tuple[str, ...]


class TokenExchange:
    """Gets tokens, new ones for them, and has them revoked."""

    def __init__(
        self, transports: Transports, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._transports = transports
        self._deadline_seconds = deadline_seconds

    async def redeem(self, server: Server, client: Client, grant: Grant) -> Tokens:
        """TokenExchange a code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

        Raises:
            ProviderRefused, Unavailable
        """
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=grant.redirect_uri,
            code=grant.code.reveal(),
            code_verifier=grant.verifier.reveal(),
        )
        return await self._tokens(server, client, body, grant.scopes)

    async def refresh(
        self, server: Server, client: Client, refresh_token: Secret, scopes: Sequence[str]
    ) -> Tokens:
        """TokenExchange a refresh token for new tokens of the same scopes (RFC 6749, section 6).

        Raises:
            ProviderRefused: ``is_final`` says whether the refresh token is worth anything still.
            Unavailable: nothing certain is known of it.
        """
        body = prepare_token_request("refresh_token", refresh_token=refresh_token.reveal())
        return await self._tokens(server, client, body, scopes)

    async def revoke(self, server: Server, client: Client, token: Secret, hint: str) -> None:
        """Have a token revoked (RFC 7009); its server must have a place for that.

        Raises:
            ProviderRefused, Unavailable
        """
        if server.revocation_url is None:
            raise Unavailable("The provider has no address at which tokens are revoked.")
        body, _ = prepare_revoke_token_request(token.reveal(), hint)
        status, answer = await self._post(server.revocation_url, client, body)
        host = _host_of(server.revocation_url)
        if status in (400, 401):
            raise read_error(host, answer)
        if status not in (200, 204):
            raise _unexpected(host, status)

    async def discover(self, issuer: str) -> Server:
        """Read what an issuer says about itself (RFC 8414).

        Raises:
            Unavailable: nothing, or nothing that can be used.
        """
        for place in places_of(issuer):
            status, body = await self._send("GET", place, {}, None)
            if status == 200:
                return read_metadata(issuer, body)
            if status != 404:
                raise _unexpected(_host_of(place), status)
        raise Unavailable(
            f"{issuer} has no metadata: give the OAuth client an authorization_url and a token_url."
        )

    async def _tokens(
        self, server: Server, client: Client, body: str, scopes: Sequence[str]
    ) -> Tokens:
        status, answer = await self._post(server.token_url, client, body)
        host = _host_of(server.token_url)
        if status == 200:
            return read_tokens(host, answer, scopes)
        if status in (400, 401):
            raise read_error(host, answer)
        raise _unexpected(host, status)

    async def _post(self, url: str, client: Client, body: str) -> tuple[int, bytes]:
        _, headers, signed = _authentication(client).prepare("POST", url, dict(_FORM), body)
        return await self._send("POST", url, headers, signed.encode())

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(self._deadline_seconds),
                self._client() as client,
                client.stream(method, url, headers=headers, content=content) as response,
            ):
                return response.status_code, await _bounded(response)
        except TimeoutError as exc:
            raise Unavailable(
                f"{_host_of(url)} did not answer within {self._deadline_seconds:g} s."
            ) from exc
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as exc:
            raise Unavailable(f"{_host_of(url)} did not answer: {_told(exc)}") from exc

    def _client(self) -> httpx.AsyncClient:
        # No proxy and no netrc of the environment: what is sent is for the provider alone. A
        # redirect is an answer like any other, and no good one.
        return httpx.AsyncClient(
            transport=self._transports(),
            headers=_HEADERS,
            timeout=httpx.Timeout(self._deadline_seconds),
            trust_env=False,
            follow_redirects=False,
        )


def _authentication(client: Client) -> ClientAuth:
    secret = "" if client.secret is None else client.secret.reveal()
    if client.auth_method is AuthMethod.BASIC:
        # RFC 6749, section 2.3.1: both are form-encoded first, which Authlib leaves to its caller.
        return ClientAuth(
            quote(client.client_id, safe=""), quote(secret, safe=""), "client_secret_basic"
        )
    return ClientAuth(client.client_id, secret, client.auth_method.value)


def _told(exc: Exception) -> str:
    # A refusal of the host's own transport is of this very class, and its text is for people.
    # Those of the others may quote a server, which may quote a secret.
    return str(exc) if type(exc) is httpx.RequestError else f"{type(exc).__name__}."


async def _bounded(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unavailable(f"{response.url.host} compressed its answer, which was not asked for.")
    chunks: list[bytes] = []
    left = ANSWER_BYTES_MAX
    async for chunk in response.aiter_raw():
        left -= len(chunk)
        if left < 0:
            raise Unavailable(f"The answer of {response.url.host} is too long.")
        chunks.append(chunk)
    return b"".join(chunks)


def _host_of(url: str) -> str:
    return parse_url(url).host


def _unexpected(host: str, status: int) -> Unavailable:
    return Unavailable(f"{host} answered with status {status}.")
