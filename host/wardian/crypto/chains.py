"""The hash chain of an audit trail: what was written cannot be changed without it showing.

The hash of an entry is the SHA-256 of its canonical JSON: an object of all its other fields, with
the names sorted, no white space, and characters beyond ASCII as they are, in UTF-8. One of the
fields is the hash of the entry before, so that whoever knows the hash of one entry knows all that
came before it. Nothing here is secret, and anybody can compute it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments

BEGINNING = "0" * 64
"""What the first entry has for the hash of the one before."""

FAULTS_MAX = 20


def hash_of(entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry, whatever it says of its own."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(
        fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
    )
    return sha256_hex(text.encode(errors="surrogatepass"))


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a chain at some time: to be kept where nobody can write who could change it."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


def parse_head(text: str) -> Head:
    """Parse what `Head` looks like as text.

    Raises:
        InvalidArguments: it is none.
    """
    sequence, _, found = text.partition(":")
    if not sequence.isdecimal() or len(found) != len(BEGINNING) or not found.isalnum():
        raise InvalidArguments(
            f"{text[:80]!r} is no head: it is the number of an entry, a colon and its hash."
        )
    return Head(sequence=int(sequence), hash=found)


class ChainFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong at one entry; 0 where there is none."""

    sequence: int
    what: str


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the verification of a chain found.

    Attributes:
        first: the number of the first entry; above 1 if older ones were let go.
        head: the last entry.
        faults: no more than `FAULTS_MAX` of them.
    """

    sound: bool
    entries: int
    first: int | None
    head: Head | None
    faults: list[ChainFault]


class Verification:
    """Goes through the entries of one chain, in order."""

    def __init__(self, known: Head | None = None) -> None:
        """``known`` is a head of the same chain from some time before."""
        self._known = known
        self._seen_known = known is None or known.sequence == 0
        self._first: int | None = None
        self._last: Head | None = None
        self._entries = 0
        self._faults: list[ChainFault] = []

    def add(self, entry: Mapping[str, Any]) -> None:
        """Look at the next entry: a JSON object, as exports have it."""
        self._entries += 1
        sequence, found = entry.get("sequence"), entry.get("hash")
        if not isinstance(sequence, int) or not isinstance(found, str):
            self._fault(self._next(), "There is no number or no hash.")
            return
        self._check_place(sequence, entry.get("previous"))
        if hash_of(entry) != found:
            self._fault(sequence, "It was changed: its hash is another one.")
        if self._known is not None and sequence == self._known.sequence:
            self._seen_known = True
            if found != self._known.hash:
                self._fault(sequence, "It is not the entry whose hash is known.")
        if self._first is None:
            self._first = sequence
        self._last = Head(sequence=sequence, hash=found)

    def broken(self, what: str) -> None:
        """Note that what comes next is no entry at all."""
        self._entries += 1
        self._fault(self._next(), what)

    def report(self) -> ChainReport:
        """Tell what was found."""
        if not self._seen_known and self._known is not None:
            last = 0 if self._last is None else self._last.sequence
            lacks = "were cut off" if self._known.sequence > last else "are not there"
            self._fault(self._known.sequence, f"The known entry, or more of its like, {lacks}.")
        return ChainReport(
            sound=not self._faults,
            entries=self._entries,
            first=self._first,
            head=self._last,
            faults=self._faults[:FAULTS_MAX],
        )

    def _check_place(self, sequence: int, previous: Any) -> None:
        if self._last is None:
            if sequence == 1 and previous != BEGINNING:
                self._fault(sequence, "It is the first, and refers to one before.")
            return
        if sequence != self._last.sequence + 1:
            self._fault(sequence, f"The entry before it has the number {self._last.sequence}.")
        if previous != self._last.hash:
            self._fault(sequence, "It does not follow from the entry before.")

    def _next(self) -> int:
        return 0 if self._last is None else self._last.sequence + 1

    def _fault(self, sequence: int, what: str) -> None:
        if len(self._faults) < FAULTS_MAX:
            self._faults.append(ChainFault(sequence=sequence, what=what))
