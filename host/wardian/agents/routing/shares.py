"""Shares of the questions, or of those who ask: which side of a rule's share one falls on.

A question is hashed once, and each rule makes its own number of that by a multiplication with an
odd factor of 128 bits that its name says. So one question, or one asker, is on the same side for as
long as the rule has its name, and the shares of two rules have nothing to do with one another; but
32 of them take a tenth of the time that 32 hashes do.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, NamedTuple

from wardian.agents.ports import Request

By = Literal["question", "subject"]
"""What falls into a share: each question by itself, or all of a subject's."""

_QUESTION, _SUBJECT = 0, 1

_BYTES = 16
_SHARE_BITS = 64
"""A share is one of so many bits: the lowest ones of a product hardly depend on the factor."""

POINTS = 1 << 8 * _BYTES


class Portion(NamedTuple):
    """A rule's share: of points that are ``(point * factor + more) % POINTS < below``.

    Attributes:
        by: what `point_of` takes.
    """

    by: int
    factor: int
    more: int
    below: int


def portion(name: str, share: float | None, by: By) -> Portion | None:
    """Return the share, from 0 to 1, of the rule of a name; None if it is for all."""
    if share is None:
        return None
    text = name.encode()
    below = round(share * (1 << _SHARE_BITS)) << 8 * _BYTES - _SHARE_BITS
    which = _QUESTION if by == "question" else _SUBJECT
    return Portion(which, _hash(text, b"factor") | 1, _hash(text, b"more"), below)


def point_of(request: Request, by: int) -> int:
    """Return where a request lies, below `POINTS`; the same wherever it is asked."""
    text = request.id if by == _QUESTION else f"{request.tenant}\0{request.subject}"
    return _hash(text.encode("utf-8", "surrogatepass"), b"point")


def _hash(text: bytes, person: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=_BYTES, person=person).digest(), "big")
