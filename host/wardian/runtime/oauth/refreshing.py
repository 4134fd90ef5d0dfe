"""Access tokens renewed before they end: each by one request at a time, written down before use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from wardian.errors import Conflict, NotFound, Unavailable, WardianError
from wardian.oauth import ProviderRefused, Tokens
from wardian.plugins import Registry
from wardian.runtime.journal import Journal
from wardian.runtime.oauth.clients import Clients, Exchanges, Registered, revoke
from wardian.runtime.oauth.records import Record, record_of, secrets_of
from wardian.runtime.oauth.tokens import ACTOR, REFRESH_TOKEN, TokenStore
from wardian.storage.rows import now
from wardian.vault import Held, Kind, Vault

REST_SECONDS = 10.0
"""How long a provider is left alone that did not renew a token."""

TURN_SECONDS = 60.0
"""How long another host is waited for that is renewing the same tokens."""

AT_ONCE = 16
"""How many tokens are renewed at a time."""

_log = logging.getLogger("wardian.oauth")

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshParts:
    """What tokens are renewed with."""

    registry: Registry
    journal: Journal
    vault: Vault
    clients: Clients
    exchanges: Exchanges
    tokens: TokenStore


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """Tokens that could not be written down: the ones before them are worth nothing any more."""

    version: int
    tokens: Tokens
    moment: datetime


class Refreshing:
    """Renews the tokens of every tenant's connections."""

    def __init__(
        self,
        parts: RefreshParts,
        *,
        clock: Callable[[], datetime] = now,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._now = clock
        self._timer = timer
        self._flights: dict[_Key, asyncio.Task[Held]] = {}
        self._rests: dict[_Key, tuple[float, str]] = {}
        self._unsaved: dict[_Key, _Unsaved] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def fresh(self, held: Held) -> Held:
        """Return a credential that can be used now: itself, unless its access token is over.

        A token that is about to end is still returned, and renewed meanwhile. However many ask at
        once, the provider is asked once.

        Raises:
            Unavailable: the connection is broken, or its token over and the provider gives no new
                one; says what to do.
        """
        if held.kind is not Kind.OAUTH2_TOKEN:
            return held
        record = record_of(held.public)
        if record is None:
            return held  # an operator brought this token, and looks after it
        if record.fault is not None:
            raise Unavailable(record.fault)
        if not self._is_over(record):
            self.renew(held)
            return held
        if REFRESH_TOKEN not in held.secrets:
            raise Unavailable(
                f"The access token of {held.name!r} is over, and the provider gave nothing to "
                f"renew it with. {await self._remedy(held)}"
            )
        self._check_rest(held)
        return await asyncio.shield(self._flight(held))

    def renew(self, held: Held) -> None:
        """Begin to renew a connection's tokens, if they are due and the provider may be asked."""
        record = record_of(held.public)
        if record is None or REFRESH_TOKEN not in held.secrets:
            return
        if self._is_due(held, record) and not self._rests_now(held):
            self._flight(held)

    def moment(self) -> datetime:
        """Return what the time is by the clock that tokens are judged by."""
        return self._now()

    def _is_due(self, held: Held, record: Record) -> bool:
        due_at = record.due_at(f"{held.id} {held.version}")
        return due_at is not None and due_at <= self._now()

    def _is_over(self, record: Record) -> bool:
        over_at = record.over_at()
        return over_at is not None and over_at <= self._now()

    async def settled(self) -> None:
        """Wait until nothing is being renewed: what a provider answers is to be written down."""
        while self._flights:
            await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _flight(self, held: Held) -> asyncio.Task[Held]:
        key = _key(held)
        flight = self._flights.get(key)
        if flight is None:
            # Of its own, so that a call which ends meanwhile does not take the answer with it.
            flight = asyncio.create_task(self._refreshed(held), name="wardian-oauth-refresh")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: _Key, done: asyncio.Task[Held]) -> None:
        del self._flights[key]
        error = None if done.cancelled() else done.exception()
        if error is None:
            self._rests.pop(key, None)
            return
        told = error.message if isinstance(error, WardianError) else type(error).__name__
        moment = self._timer()
        self._rests = {each: rest for each, rest in self._rests.items() if rest[0] > moment}
        self._rests[key] = (moment + REST_SECONDS, told)
        _log.warning(
            "The tokens of %s were not renewed: %s", key[2], told, extra={"tenant": key[0]}
        )

    def _rests_now(self, held: Held) -> bool:
        until, _ = self._rests.get(_key(held), (0.0, ""))
        return self._timer() < until

    def _check_rest(self, held: Held) -> None:
        if self._rests_now(held) and _key(held) not in self._flights:
            raise Unavailable(self._rests[_key(held)][1])

    async def _refreshed(self, asked: Held) -> Held:
        async with self._turns, self._turn_of(asked):
            return await self._renewed(asked)

    @asynccontextmanager
    async def _turn_of(self, held: Held) -> AsyncIterator[None]:
        """Have no other host renew the same tokens while the block runs.

        Because a refresh token that is rotated works once, and a provider that sees it again takes
        the whole connection for stolen (RFC 9700, section 4.14.2).
        """
        turn = self._parts.journal.alone_with(held.tenant, f"credential {held.id}")
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await stack.enter_async_context(turn)
            except TimeoutError as exc:
                raise Unavailable(
                    f"Another host has been renewing the tokens of {held.name!r} for a long time."
                ) from exc
            yield

    async def _renewed(self, asked: Held) -> Held:
        held = await self._again(asked)
        record = record_of(held.public)
        if record is None or record.fault is not None:
            raise Unavailable(f"The connection {held.name!r} is broken.")
        if held.version != asked.version and not self._is_due(held, record):
            return held  # another host, or the operator, was faster
        found = await self._new_tokens(held, record)
        renewed = record.renewed(found.tokens, found.moment)
        await self._written(held, renewed, found)
        if set(renewed.scopes) != set(record.scopes):
            await self._note(held, "oauth-scopes-changed", {"granted": list(renewed.scopes)})
        return await self._again(held)

    async def _new_tokens(self, held: Held, record: Record) -> _Unsaved:
        unsaved = self._unsaved.pop(_key(held), None)
        if unsaved is not None and unsaved.version == held.version:
            return unsaved
        registered = await self._registered(held, record)
        moment = self._now()
        try:
            tokens = await self._parts.exchanges(held.tenant).refresh(
                registered.server, registered.client, held.secrets[REFRESH_TOKEN], record.scopes
            )
        except ProviderRefused as refused:
            if refused.is_final:
                await self._broken(held, record, refused)
            raise
        return _Unsaved(held.version, tokens, moment)

    async def _written(self, held: Held, record: Record, found: _Unsaved) -> None:
        try:
            await self._parts.tokens.renew(held, record, found.tokens)
        except Conflict as exc:
            await self._withdraw(held, record, found.tokens)
            raise Unavailable(f"The connection {held.name!r} was changed meanwhile.") from exc
        except WardianError:
            self._unsaved[_key(held)] = found
            raise

    async def _registered(self, held: Held, record: Record) -> Registered:
        try:
            registered = await self._parts.clients.find(
                held.tenant, held.owner or "", record.client
            )
        except NotFound as exc:
            raise Unavailable(
                f"The OAuth client {record.client!r} of the connection {held.name!r} is gone."
            ) from exc
        if registered.server.token_url != record.token_url:
            # A refresh token is worth something where it came from, and nobody else may see it.
            raise Unavailable(
                f"The OAuth client {record.client!r} names another server than the tokens of "
                f"{held.name!r} came from. {await self._remedy(held)}"
            )
        return registered

    async def _broken(self, held: Held, record: Record, refused: ProviderRefused) -> None:
        """Write down that a connection is over, unless another host has renewed it meanwhile."""
        fault = (
            f"The provider does not renew the tokens of {held.name!r} any more: {refused.code}. "
            f"{await self._remedy(held)}"
        )
        try:
            await self._parts.tokens.mark_broken(held, replace(record, fault=fault))
        except Conflict:
            return
        await self._note(held, "oauth-broken", {"reason": refused.code})
        raise Unavailable(fault) from refused

    async def _withdraw(self, held: Held, record: Record, tokens: Tokens) -> None:
        """Have tokens revoked that came for a connection which has ended meanwhile."""
        with suppress(WardianError):
            registered = await self._registered(held, record)
            await revoke(self._parts.exchanges(held.tenant), registered, secrets_of(tokens))

    async def _again(self, held: Held) -> Held:
        try:
            found = await self._parts.vault.find(held.tenant, held.owner or "", held.name)
        except NotFound as exc:
            raise Unavailable(f"The connection {held.name!r} has ended.") from exc
        if found.id != held.id:
            raise Unavailable(f"The connection {held.name!r} has ended.")
        return found

    async def _note(self, held: Held, what: str, detail: dict[str, object]) -> None:
        plugin = await self._plugin_of(held)
        if plugin is not None:
            async with self._parts.journal.change(held.tenant, ACTOR) as change:
                await change.note(what, plugin, {"provider": held.name, **detail})

    async def _remedy(self, held: Held) -> str:
        plugin = await self._plugin_of(held)
        return f"Connect it again: wardian oauth connect {plugin or 'PLUGIN'} {held.name}"

    async def _plugin_of(self, held: Held) -> str | None:
        installed = await self._parts.registry.all(held.tenant)
        return next((plugin.name for plugin in installed if plugin.id == held.owner), None)


def _key(held: Held) -> _Key:
    return held.tenant, held.owner or "", held.name
