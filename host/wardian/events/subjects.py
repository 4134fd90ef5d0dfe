"""Names as NATS takes them, whatever is in ours."""

from __future__ import annotations

from string import ascii_letters, digits

_PLAIN = frozenset(ascii_letters + digits + "-_")


def token(word: str) -> str:
    """Return a word as one token of a subject: dots, wildcards and the like are numbers in it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"={byte:02X}" for byte in word.encode())


def consumer_name(subject: str) -> str:
    """Return the name of a subject's consumer, which has no dots; no token has `=_` in it."""
    return "=_".join(subject.split(".")[2:])
