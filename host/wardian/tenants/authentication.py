"""Whose token it is that somebody sent.

A token that is known is answered from memory. One that is not is looked up, unless too many wrong
ones came from where it comes from; and what is looked up is a digest, which says nothing of a
token that is nearly right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from wardian.crypto.digests import sha256_hex
from wardian.crypto.tokens import PREFIX, is_token, same
from wardian.errors import RateLimited, Unauthenticated
from wardian.storage import Database
from wardian.storage.rows import FoundKeyRow, now
from wardian.storage.tenants import find_key
from wardian.tenants.guesses import Guesses
from wardian.tenants.known import CACHE_SECONDS, KnownTokens, Refusal
from wardian.tenants.making import PREFIX_CHARS, caller_of
from wardian.tenants.scopes import Caller

_MALFORMED = Refusal("malformed", f"The API key is malformed: it starts with {PREFIX!r}.")
_UNKNOWN = Refusal("unknown", "The API key is unknown or was revoked.")
_REVOKED = Refusal("revoked", "The API key is unknown or was revoked.", is_guess=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Which time it is: on the wall, and for how long something lasts."""

    wall: Callable[[], datetime] = now
    lasting: Callable[[], float] = time.monotonic


class Authentication:
    """Looks tokens up.

    Attributes:
        guesses: the wrong ones that came.
        used: when keys were used last, by tenant and id, until somebody has written it down.
    """

    def __init__(self, database: Database, wrong_max: int, clocks: Clocks) -> None:
        """An address may send ``wrong_max`` wrong tokens before it has to wait."""
        self._database = database
        self._clocks = clocks
        self._known = KnownTokens(clocks.lasting)
        self.guesses = Guesses(wrong_max, clock=clocks.lasting)
        self.used: dict[tuple[str, str], datetime] = {}
        self._changes = 0
        self._refused: Callable[[str], None] = lambda reason: None

    def watch(self, refused: Callable[[str], None]) -> None:
        """Tell ``refused`` of each token that is refused, and why: `malformed`, `unknown`,
        `revoked`, `expired`, or `guessing`, which was not looked at."""
        self._refused = refused

    def see(self, digests: Iterable[str]) -> None:
        """Take it that these digests are of tokens that hold, until one turns out not to."""
        self._known.see(digests)

    def forget(self) -> None:
        """Look every token up again, because one may not hold any more."""
        self._changes += 1
        self._known.forget()

    async def of(self, token: str, address: str) -> Caller:
        """Return who holds ``token``, which came from ``address``.

        Raises:
            Unauthenticated: nobody, or nobody any more.
            RateLimited: too many wrong ones came from there, and this is none that was right here.
        """
        digest = sha256_hex(token.encode()) if is_token(token) else ""
        caller = self._known.caller(digest)
        if caller is not None:
            return caller
        # Nobody guesses one that was right, so who shares an address with a guesser goes on.
        if self._known.was_right(digest):
            found = await self._look_up(digest)
        else:
            found = await self._guessed(digest, token[:PREFIX_CHARS], address)
        if isinstance(found, Refusal):
            self._refused(found.reason)
            raise Unauthenticated(found.text)
        return found

    async def _guessed(self, digest: str, prefix: str, address: str) -> Caller | Refusal:
        try:
            with self.guesses.one(address, prefix if digest else "") as guess:
                found = await self._look_up(digest)
                guess.is_wrong = isinstance(found, Refusal) and found.is_guess
        except RateLimited:
            self._refused("guessing")
            raise
        return found

    async def _look_up(self, digest: str) -> Caller | Refusal:
        if not digest:
            return _MALFORMED
        refusal = self._known.refusal(digest)
        if refusal is not None:
            return refusal
        changes = self._changes
        async with self._database.reading() as connection:
            found = await find_key(connection, digest)
        result = self._judged(found, digest)
        # What was read before a change may not be remembered after it.
        if changes == self._changes:
            self._remember(digest, result)
        return result

    def _judged(self, found: FoundKeyRow | None, digest: str) -> Caller | Refusal:
        if found is None:
            return _UNKNOWN
        key, at = found.key, self._clocks.wall()
        is_present = same(key.digest, digest)
        if not is_present and not same(key.old_digest or "", digest):
            return _UNKNOWN
        if key.revoked_at is not None:
            return _REVOKED
        until = key.expires_at if is_present else key.old_until
        if until is not None and until <= at:
            text = f"The API key expired at {until:%Y-%m-%d %H:%M:%S} UTC; ask for a new one."
            return Refusal("expired", text, is_guess=False)
        self.used[key.tenant, key.id] = at
        return caller_of(found, until)

    def _remember(self, digest: str, result: Caller | Refusal) -> None:
        if isinstance(result, Refusal):
            self._known.refuse(digest, result)
            return
        seconds = CACHE_SECONDS
        if result.expires_at is not None:
            seconds = (result.expires_at - self._clocks.wall()).total_seconds()
        self._known.remember(digest, result, seconds)
        self._known.see([digest])
