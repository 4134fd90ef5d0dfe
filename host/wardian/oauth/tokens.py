"""What a token endpoint answers, read strictly: it is a stranger's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from wardian.errors import Unavailable
from wardian.oauth.faults import ProviderRefused
from wardian.policy.secret import Secret

MAX_LIFETIME = timedelta(days=3650)
MAX_SCOPES = 256
MAX_SCOPE_CHARS = 256

_TOKEN = re.compile(r"[!-~]{1,16384}")
_SCOPE = re.compile(r"[!#-\[\]-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the host was given.

    Attributes:
        refresh_token: None if the provider gives none, or no new one.
        scopes: what was granted; what was asked for where the provider does not say.
        lifetime: None if the provider does not say.
    """

    access_token: Secret
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] = ()
    lifetime: timedelta | None = None


class _Body(msgspec.Struct):
    access_token: str | None = None
    token_type: str | None = None
    refresh_token: str | None = None
    scope: str | None = None
    expires_in: int | str | None = None
    error: Any = None


def read_tokens(host: str, body: bytes, asked: Sequence[str]) -> Tokens:
    """Read the answer of a token endpoint that says 200.

    Raises:
        ProviderRefused: it says no all the same, as GitHub does.
        Unavailable: it is not what RFC 6749, section 5.1 describes; nothing of it is repeated.
    """
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _garbage(host, "is no JSON object with tokens") from exc
    if found.error is not None:
        raise ProviderRefused(host, found.error)
    if (found.token_type or "").lower() != "bearer":
        raise _garbage(host, "gives tokens of another type than bearer")
    return Tokens(
        access_token=_token(host, "access_token", found.access_token or ""),
        refresh_token=_token(host, "refresh_token", found.refresh_token)
        if found.refresh_token
        else None,
        scopes=tuple(asked) if found.scope is None else _scopes(host, found.scope, asked),
        lifetime=_lifetime(host, found.expires_in),
    )


def read_error(host: str, body: bytes) -> ProviderRefused:
    """Read the answer of an endpoint that says 400 or 401."""
    try:
        code = msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        code = None
    return ProviderRefused(host, code)


def _token(host: str, name: str, text: str) -> Secret:
    if not _TOKEN.fullmatch(text):
        raise _garbage(host, f"has no {name} that a request could carry")
    return Secret(text)


def _scopes(host: str, text: str, asked: Sequence[str]) -> tuple[str, ...]:
    # GitHub puts commas between them, which the standard allows within one.
    between = r"[ ,]+" if not any("," in scope for scope in asked) else r" +"
    found = [scope for scope in re.split(between, text) if scope]
    if len(found) > MAX_SCOPES or not all(map(_is_scope, found)):
        raise _garbage(host, "has scopes that are none")
    return tuple(dict.fromkeys(found))


def _is_scope(text: str) -> bool:
    return len(text) <= MAX_SCOPE_CHARS and _SCOPE.fullmatch(text) is not None


def _lifetime(host: str, given: int | str | None) -> timedelta | None:
    if given is None:
        return None
    text = str(given)
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise _garbage(host, "has an expires_in that is no number of seconds")
    seconds = int(text)
    if not 0 < seconds <= MAX_LIFETIME.total_seconds():
        raise _garbage(host, "has an expires_in that cannot be")
    return timedelta(seconds=seconds)


def _garbage(host: str, what: str) -> Unavailable:
    return Unavailable(f"The answer of {host} {what}.")
