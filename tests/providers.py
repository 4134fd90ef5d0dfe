"""An OAuth provider on loopback: a stand-in for real ones, stricter than most of them.

It takes the authorization code grant with PKCE only, compares redirect URIs character by character,
takes each code once, rotates refresh tokens, and withdraws everything when one of them comes twice.
Whoever is sent to it consents at once, unless its `mood` says otherwise.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from wardian.cli.serve import Server, listen, url_of

CANARY = "canary"
"""In every token and code that it makes."""

CLIENT_ID = "wardian-test"
CLIENT_SECRET = "canary client/secret+with:signs"

Answering = Callable[[], Response]


@dataclass(frozen=True)
class Mood:
    """How the provider behaves.

    Attributes:
        refuses: an error that whoever is sent to it comes back with.
        grants: the scopes that it gives, whatever was asked for.
        issuer: what it calls itself in answers; None says nothing, as its metadata do.
        expires_in: of access tokens; None says nothing.
        refreshes: whether it gives refresh tokens.
        answering: what its token endpoint answers in place of what it should.
        before_token: awaited before the token endpoint answers, after it has done its work.
    """

    refuses: str | None = None
    grants: str | None = None
    issuer: str | None = None
    expires_in: Any = 3600
    refreshes: bool = True
    token_type: str = "Bearer"
    answering: Answering | None = None
    before_token: Callable[[], Any] | None = None


@dataclass
class _Code:
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    family: str
    used: bool = False


@dataclass
class FakeProvider:
    """What it knows.

    Attributes:
        redirect_uris: those that its one client has registered.
        received: the path and the form of every request to the token and revocation endpoints.
        spent: access tokens that it took at its API.
    """

    url: str
    redirect_uris: set[str] = field(default_factory=set)
    secret: str | None = CLIENT_SECRET
    mood: Mood = field(default_factory=Mood)
    metadata: dict[str, Any] | None = None
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    codes: dict[str, _Code] = field(default_factory=dict)
    refresh_tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    used_refresh_tokens: dict[str, str] = field(default_factory=dict)
    access_tokens: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)

    def be(self, **mood: Any) -> None:
        """Behave so from now on, otherwise as before."""
        self.mood = replace(self.mood, **mood)

    def exchanges(self, grant_type: str) -> int:
        """Count the requests for tokens of this grant."""
        return sum(form.get("grant_type") == grant_type for _, form in self.received)

    @property
    def fields(self) -> dict[str, str]:
        """What an `oauth2-client` credential for it has."""
        return {
            "client_id": CLIENT_ID,
            "authorization_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "revocation_url": f"{self.url}/revoke",
        }

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        redirect_uri = query.get("redirect_uri", "")
        # RFC 9700, section 4.1: whoever cannot be trusted with an answer gets none.
        if query.get("client_id") != CLIENT_ID or redirect_uri not in self.redirect_uris:
            return Response("unknown client or redirect_uri", 400)
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            return Response("PKCE with S256 and the code grant, or nothing", 400)
        answer = {"state": query["state"]}
        if self.mood.issuer is not None:
            answer["iss"] = self.mood.issuer
        if self.mood.refuses is not None:
            answer["error"] = self.mood.refuses
        else:
            answer["code"] = self.consent(redirect_uri, query["code_challenge"], query["scope"])
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302)

    def consent(self, redirect_uri: str, challenge: str, scope: str) -> str:
        """Return a code, as if somebody had consented."""
        code = self._new("code")
        self.codes[code] = _Code(CLIENT_ID, redirect_uri, challenge, scope, secrets.token_hex(4))
        return code

    async def token(self, request: Request) -> Response:
        form = await self._form(request)
        if not self._knows_client(request, form):
            return _error("invalid_client", 401)
        granted = {"authorization_code": self._redeem, "refresh_token": self._refresh}
        answer = granted[form["grant_type"]](form)
        if self.mood.before_token is not None:
            await self.mood.before_token()
        return answer if self.mood.answering is None else self.mood.answering()

    async def revoke(self, request: Request) -> Response:
        form = await self._form(request)
        if not self._knows_client(request, form):
            return _error("invalid_client", 401)
        family = self._family_of(form["token"])
        if family is not None:
            self.withdrawn.add(family)
        return Response(status_code=200)

    async def describe(self, request: Request) -> Response:
        return Response(status_code=404) if self.metadata is None else JSONResponse(self.metadata)

    async def api(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.access_tokens or self.access_tokens[token] in self.withdrawn:
            return Response(status_code=401)
        self.spent.append(token)
        return JSONResponse({"issues": []})

    def _redeem(self, form: dict[str, str]) -> Response:
        code = self.codes.get(form["code"])
        if code is None:
            return _error("invalid_grant")
        if code.used:
            self.withdrawn.add(code.family)
            return _error("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if form.get("redirect_uri") != code.redirect_uri or challenge != code.challenge:
            return _error("invalid_grant")
        code.used = True
        return self._tokens(code.family, code.scope)

    def _refresh(self, form: dict[str, str]) -> Response:
        token = form["refresh_token"]
        if token in self.used_refresh_tokens:
            self.withdrawn.add(self.used_refresh_tokens[token])
            return _error("invalid_grant")
        if token not in self.refresh_tokens:
            return _error("invalid_grant")
        family, scope = self.refresh_tokens.pop(token)
        if family in self.withdrawn:
            return _error("invalid_grant")
        self.used_refresh_tokens[token] = family
        return self._tokens(family, scope)

    def _tokens(self, family: str, scope: str) -> Response:
        access, refresh = self._new("access"), self._new("refresh")
        self.access_tokens[access] = family
        found: dict[str, Any] = {"access_token": access, "token_type": self.mood.token_type}
        found["scope"] = scope if self.mood.grants is None else self.mood.grants
        if self.mood.expires_in is not None:
            found["expires_in"] = self.mood.expires_in
        if self.mood.refreshes:
            self.refresh_tokens[refresh] = (family, scope)
            found["refresh_token"] = refresh
        return JSONResponse(found, headers={"cache-control": "no-store"})

    def _new(self, what: str) -> str:
        self.made.append(f"{CANARY}-{what}-{secrets.token_urlsafe(16)}")
        return self.made[-1]

    def _family_of(self, token: str) -> str | None:
        known = self.refresh_tokens.get(token, (self.access_tokens.get(token),))
        return known[0]

    def _knows_client(self, request: Request, form: dict[str, str]) -> bool:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, self.secret)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, self.secret)

    async def _form(self, request: Request) -> dict[str, str]:
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        self.received.append((request.url.path, form))
        return form

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/revoke", self.revoke, methods=["POST"]),
                Route("/.well-known/oauth-authorization-server", self.describe),
                Route("/api/issues", self.api),
            ]
        )


@asynccontextmanager
async def fake_provider() -> AsyncIterator[FakeProvider]:
    """Run a provider on a port of its own."""
    with listen("127.0.0.1", 0) as listener:
        provider = FakeProvider(url_of(listener))
        server = Server(listener, provider.app)
        running = asyncio.create_task(server.run_until_stopped())
        try:
            yield provider
        finally:
            server.stop()
            await running


def _error(code: str, status: int = 400) -> Response:
    return JSONResponse({"error": code, "error_description": "canary description"}, status)
