"""A connection as the vault keeps it: the tokens, and beside them what may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.oauth import Tokens
from wardian.policy.secret import Secret

MARGIN_MAX = timedelta(minutes=10)
MARGIN_SHARE = 5
"""Renewed in the last fifth of its life, and in the last ten minutes of a long one."""

SKEW_MAX = timedelta(seconds=30)
SKEW_SHARE = 10
"""Not used in the last tenth of its life, or the last half minute: it would end on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a connection beside its tokens.

    Attributes:
        client: the credential that is the OAuth client.
        token_url: where the tokens came from.
        obtained_at: when the access token was asked for.
        valid_until: None if the provider does not say.
        fault: why the connection does not work any more.
    """

    client: str
    scopes: tuple[str, ...]
    token_url: str
    obtained_at: datetime
    connected_at: datetime
    connected_by: str
    valid_until: datetime | None = None
    fault: str | None = None

    def public(self) -> dict[str, Any]:
        """Return it as the public part of a credential."""
        found: dict[str, Any] = {
            "client": self.client,
            "scopes": list(self.scopes),
            "token_url": self.token_url,
            "obtained_at": self.obtained_at.isoformat(),
            "connected_at": self.connected_at.isoformat(),
            "connected_by": self.connected_by,
        }
        if self.valid_until is not None:
            found["valid_until"] = self.valid_until.isoformat()
        if self.fault is not None:
            found["fault"] = self.fault
        return found

    def renewed(self, tokens: Tokens, moment: datetime) -> Record:
        """Return it with tokens that were asked for at a moment."""
        return replace(
            self,
            scopes=tokens.scopes,
            obtained_at=moment,
            valid_until=None if tokens.lifetime is None else moment + tokens.lifetime,
            fault=None,
        )

    def due_at(self, seed: str) -> datetime | None:
        """Return from when on a new access token is to be asked for.

        Connections that were made at one moment are due at different ones, by their ``seed``: a
        provider is not to meet all of them at once.
        """
        if self.valid_until is None:
            return None
        jitter = int(sha256_hex(seed.encode())[:8], 16) / 2**32
        return self.valid_until - self._margin * (1 + jitter) / 2

    def may_be_due(self, moment: datetime) -> bool:
        """Tell whether a moment is after the first at which a new access token may be asked for."""
        return self.valid_until is not None and self.valid_until - self._margin <= moment

    def over_at(self) -> datetime | None:
        """Return from when on the access token is not used any more."""
        if self.valid_until is None:
            return None
        return self.valid_until - min(SKEW_MAX, self._lifetime / SKEW_SHARE)

    @property
    def _margin(self) -> timedelta:
        return min(MARGIN_MAX, self._lifetime / MARGIN_SHARE)

    @property
    def _lifetime(self) -> timedelta:
        assert self.valid_until is not None  # noqa: S101 -- asked for before
        return self.valid_until - self.obtained_at


def record_of(public: Mapping[str, Any]) -> Record | None:
    """Read what `Record.public` made; None where somebody else made the credential."""
    try:
        return Record(
            client=public["client"],
            scopes=tuple(public.get("scopes", ())),
            token_url=public["token_url"],
            obtained_at=_moment(public["obtained_at"]),
            connected_at=_moment(public["connected_at"]),
            connected_by=public["connected_by"],
            valid_until=_moment(public["valid_until"]) if "valid_until" in public else None,
            fault=public.get("fault"),
        )
    except (KeyError, ValueError):
        return None


def secrets_of(tokens: Tokens, before: Secret | None = None) -> dict[str, Secret]:
    """Return tokens as the secrets of a credential; ``before`` is the refresh token that led to
    them, which stays good where there is no new one (RFC 6749, section 6)."""
    found = {"access_token": tokens.access_token}
    refresh_token = tokens.refresh_token or before
    if refresh_token is not None:
        found["refresh_token"] = refresh_token
    return found


def difference(asked: Sequence[str], granted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the scopes that are missing, and those that nobody asked for."""
    return (
        [scope for scope in asked if scope not in granted],
        [scope for scope in granted if scope not in asked],
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without its time zone could be any")
    return found
