"""What a host remembers of tokens, so that neither right nor wrong ones cost the database."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from wardian.tenants.scopes import Caller

_V = TypeVar("_V")

CACHE_SECONDS = 10.0
"""How long a key revoked by another host process may still be taken here, at worst."""

KEYS_MAX = 1024
WRONG_MAX = 4096
SEEN_MAX = 4096


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a token is refused: in a word, and in a sentence for whoever sent it.

    Attributes:
        is_guess: whether nobody ever had it.
    """

    reason: str
    text: str
    is_guess: bool = True


class KnownTokens:
    """Tokens by their digests: whose they are, which are nobody's, and which were right once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._callers: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[Refusal, float]] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def caller(self, digest: str) -> Caller | None:
        """Return whose a token is, if that is known."""
        found = self._callers.get(digest)
        if found is None or self._clock() >= found[1]:
            return None
        self._callers.move_to_end(digest)
        return found[0]

    def refusal(self, digest: str) -> Refusal | None:
        """Return why a token is refused, if that is known."""
        found = self._wrong.get(digest)
        return None if found is None or self._clock() >= found[1] else found[0]

    def was_right(self, digest: str) -> bool:
        """Tell whether a token was somebody's, the last time that anybody looked."""
        return digest in self._seen

    def remember(self, digest: str, caller: Caller, seconds: float) -> None:
        """Remember whose a token is, for so long at most."""
        until = self._clock() + min(seconds, CACHE_SECONDS)
        _put(self._callers, digest, (caller, until), KEYS_MAX)

    def see(self, digests: Iterable[str]) -> None:
        """Remember that tokens are right, for as long as there is room."""
        for digest in digests:
            _put(self._seen, digest, None, SEEN_MAX)

    def refuse(self, digest: str, why: Refusal) -> None:
        """Remember that a token is nobody's, or nobody's any more."""
        self._seen.pop(digest, None)
        self._callers.pop(digest, None)
        _put(self._wrong, digest, (why, self._clock() + CACHE_SECONDS), WRONG_MAX)

    def forget(self) -> None:
        """Look all of them up again; that they were right once is no reason to let anybody in."""
        self._callers.clear()
        self._wrong.clear()


def _put(kept: OrderedDict[str, _V], name: str, value: _V, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > most:
        kept.popitem(last=False)
