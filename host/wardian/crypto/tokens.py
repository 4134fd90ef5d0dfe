"""API key tokens: made from 256 random bits, compared in constant time."""

from __future__ import annotations

import hmac
import re
import secrets

PREFIX = "wdn_"

_TOKEN = re.compile(r"wdn_[A-Za-z0-9_-]{4,252}")

GUESSABLE_CHARS = 24
"""A token with fewer characters after its prefix is good for trying things out only."""


def new_token() -> str:
    """Make a token: ``wdn_`` and 43 characters of URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Tell whether ``text`` has the form of a token, made here or chosen by an operator."""
    return _TOKEN.fullmatch(text) is not None


def is_guessable(token: str) -> bool:
    """Tell whether a token is too short to keep anybody out."""
    return len(token) < len(PREFIX) + GUESSABLE_CHARS


def same(left: str, right: str) -> bool:
    """Compare two ASCII texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())
