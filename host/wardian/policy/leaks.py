"""Secrets in what goes past: found in many forms, and taken out.

One automaton (Aho-Corasick) looks for all forms of all secrets at once, in blocks, so that time
grows with the length of the text alone and memory with none of it. What it covers is in
`wardian.policy.secret_forms`. It cannot see a secret that was compressed, encrypted, split up, or
written in a way of somebody's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import AnyStr

from ahocorasick_rs import BytesAhoCorasick, Implementation

from wardian.policy.secret import SHOWN, Secret
from wardian.policy.secret_forms import ESCAPE_BYTES_MAX, Form, forms_of
from wardian.policy.secret_layers import Layer
from wardian.policy.secret_openings import Openings

BLOCK_BYTES = 128 * 1024
"""What is looked at in one go, unless a secret is so long that it takes more."""

_BLOCK_PER_BYTE = 32  # of the longest form, so that it fits in half a block with every byte escaped
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_TAIL = re.compile(rb"[A-Za-z0-9+/_-]?={0,2}")
TAIL_BYTES_MAX = 3
"""As many bytes behind a secret may tell bits of it, or pad it."""

Span = tuple[int, int]


class Leaks:
    """Looks for secrets; the same object serves any number of texts and threads.

    Secrets of fewer than `SHORTEST_CHARS` are not looked for.
    """

    __slots__ = (
        "_automaton",
        "_block_bytes",
        "_forms",
        "_longest",
        "_numbers",
        "_openings",
        "_owners",
    )

    def __init__(self, secrets: Iterable[Secret | str | bytes] = ()) -> None:
        self._forms: list[Form] = []
        self._owners: list[set[int]] = []
        # By text, because a call may be given many of many: each is to be found at once.
        self._numbers: dict[str | bytes, int] = {}
        numbers: dict[Form, int] = {}
        for secret in secrets:
            text = secret.reveal() if isinstance(secret, Secret) else secret
            owner = self._numbers.setdefault(text, len(self._numbers))
            for form in forms_of(text):
                number = numbers.setdefault(form, len(self._forms))
                if number == len(self._forms):
                    self._forms.append(form)
                    self._owners.append(set())
                self._owners[number].add(owner)
        self._longest = max((len(form.pattern) for form in self._forms), default=0)
        self._block_bytes = max(BLOCK_BYTES, self._longest * _BLOCK_PER_BYTE)
        self._automaton = BytesAhoCorasick(
            [form.pattern for form in self._forms], implementation=Implementation.ContiguousNFA
        )
        self._openings: Openings | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything to look for."""
        return bool(self._forms)

    def __repr__(self) -> str:
        return f"<Leaks of {len(self._numbers)} secrets>"

    def found(self, text: str | bytes, besides: Collection[Secret] = ()) -> bool:
        """Tell whether ``text`` has a secret other than ``besides`` in it."""
        raw, allowed = _raw(text), self._allowed(besides)
        at = 0
        while self._forms:
            block = raw[at : at + self._block_bytes]
            if any(True for _ in self._hits(block, allowed)):
                return True
            if len(block) < self._block_bytes:
                return False
            at += self._settled(block)
        return False

    def redacted(
        self, text: AnyStr, besides: Collection[Secret] = (), *, mark: str = SHOWN
    ) -> AnyStr:
        """Return ``text`` with ``mark`` for each secret other than ``besides``.

        It is the same object if there is none.
        """
        if not self._forms:
            return text
        raw = _raw(text)
        stream = self.stream(besides, mark=mark)
        clean = stream.feed(raw) + stream.close()
        if clean == raw:
            return text
        return clean if isinstance(text, bytes) else clean.decode(errors="replace")

    def begun(self, text: bytes, besides: Collection[Secret] = ()) -> tuple[bytes, bytes]:
        """Take secrets out of the beginning of a text that goes on, as much of it as can be said.

        Returns what can be no part of a secret whatever follows, clean; and the rest as it was,
        which is to stand before what follows.
        """
        stream = self.stream(besides)
        ready = stream.feed(text)
        return ready + stream.ready(), stream.rest()

    def stream(self, besides: Collection[Secret] = (), *, mark: str = SHOWN) -> LeakStream:
        """Return what takes secrets out of a text that comes in pieces."""
        return LeakStream(self, self._allowed(besides), mark)

    def _allowed(self, besides: Collection[Secret]) -> frozenset[int]:
        known = (self._numbers.get(each.reveal()) for each in besides)
        return frozenset(number for number in known if number is not None)

    def _opens(self, block: bytes) -> int:
        """Return from where on a block may become a secret, or tell bits of one, with what follows.

        Which is decided by all secrets, also by those that are allowed.
        """
        if self._openings is None:
            self._openings = Openings(form.pattern for form in self._forms)
        at = self._openings.earliest(block)
        return at - 1 if at > 0 and block[at - 1] in _BASE64 else at

    def _hits(self, block: bytes, allowed: frozenset[int]) -> Iterator[_Hit]:
        """Find the forms in a block: as it stands, and decoded once, twice and so on."""
        layer: Layer | None = Layer(block)
        while layer is not None:
            matches = self._automaton.find_matches_as_indexes(layer.folded(), overlapping=True)
            for number, start, end in matches:
                if not self._owners[number] <= allowed:
                    yield _Hit(layer, start, end, self._forms[number])
            layer = layer.inner()

    def _settled(self, block: bytes) -> int:
        """Return up to where a block needs no second look together with what follows it.

        A secret that goes on in the next block begins after that: behind it there is more, in every
        layer, than the longest form has.
        """
        tail = self._longest + ESCAPE_BYTES_MAX
        while tail < len(block) // 2:
            if self._is_long(block[-tail:]):
                return len(block) - tail
            tail *= 2
        return len(block) - len(block) // 2

    def _is_long(self, tail: bytes) -> bool:
        layer: Layer | None = Layer(tail)
        while layer is not None:
            if len(layer.folded()) < self._longest + ESCAPE_BYTES_MAX:
                return False
            layer = layer.inner()
        return True


class LeakStream:
    """Takes secrets out of one text that comes in pieces, also where they lie across the pieces.

    What may be the beginning of a secret is held back until more has come.
    """

    def __init__(self, leaks: Leaks, allowed: frozenset[int], mark: str) -> None:
        self._leaks = leaks
        self._mark = mark.encode()
        self._allowed = allowed
        self._waiting = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece, and return what is ready."""
        if not self._leaks:
            return piece
        self._waiting += piece
        ready: list[bytes] = []
        while len(self._waiting) >= self._leaks._block_bytes:
            ready.append(self._next(bytes(self._waiting[: self._leaks._block_bytes])))
        return b"".join(ready)

    def ready(self) -> bytes:
        """Return what else can be no part of a secret any more, though it is less than a block."""
        if not self._leaks:
            return b""
        block = bytes(self._waiting)
        end = self._leaks._opens(block)
        spans = self._spans(block)
        # A secret at the very end may go on in characters that tell bits of it.
        settled = min(end, len(block) - TAIL_BYTES_MAX)
        kept = min([end, *(start for start, stop in spans if stop > settled)])
        del self._waiting[:kept]
        return self._without(block[:kept], [span for span in spans if span[0] < kept])

    def rest(self) -> bytes:
        """Return what waits, as it came."""
        return bytes(self._waiting)

    def close(self) -> bytes:
        """Return the rest; nothing may come after it."""
        rest = bytes(self._waiting)
        self._waiting.clear()
        return self._without(rest, self._spans(rest))

    def _next(self, block: bytes) -> bytes:
        end = self._leaks._settled(block)
        spans = self._spans(block)
        # What lies across the end is looked at again, with what follows it.
        kept = min((start for start, stop in spans if start < end < stop), default=end)
        if kept < len(block) // 4:
            kept = end = max(stop for start, stop in spans if start < end)
        del self._waiting[:kept]
        return self._without(block[:kept], [span for span in spans if span[0] < kept])

    def _spans(self, block: bytes) -> list[Span]:
        """Return where the secrets are, in order; those that overlap are one."""
        spans: list[Span] = []
        for start, end in sorted({hit.span() for hit in self._leaks._hits(block, self._allowed)}):
            if spans and start < spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        return spans

    def _without(self, block: bytes, spans: list[Span]) -> bytes:
        if not spans:
            return block
        parts: list[bytes] = []
        done = 0
        for start, end in spans:
            parts += block[done:start], self._mark
            done = end
        return b"".join((*parts, block[done:]))


@dataclass(frozen=True, slots=True)
class _Hit:
    """A form of a secret in a layer of a block."""

    layer: Layer
    start: int
    end: int
    form: Form

    def span(self) -> Span:
        """Return where it stands in the block, with characters that tell bits of it."""
        start, end = self.layer.origin(self.start, self.end)
        block = self.layer.outermost
        if self.form.before and start > 0 and block[start - 1] in _BASE64:
            start -= 1
        if self.form.after:
            end = _TAIL.match(block, end).end()  # type: ignore[union-attr]  # it may be empty
        return start, end


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
