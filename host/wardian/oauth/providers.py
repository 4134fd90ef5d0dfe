"""Providers that the host knows: where people consent, and where tokens come from and may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Facts about one provider, from its documentation.

    Attributes:
        issuer: what its answers call it (RFC 9207); None where that differs by account.
        revocation_url: where tokens are revoked by RFC 7009; None where they cannot be.
        parameters: what its authorization address takes beside the standard's.
        auth_method: how it has clients show who they are.
        origins: where its tokens are meant to go.
    """

    authorize_url: str
    token_url: str
    issuer: str | None = None
    revocation_url: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    auth_method: str = "client_secret_post"
    origins: tuple[str, ...] = ()


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "github": Provider(
            authorize_url="https://github.com/login/oauth/authorize",
            token_url="https://github.com/login/oauth/access_token",  # noqa: S106 -- an address
            issuer="https://github.com/login/oauth",
            origins=("https://api.github.com/",),
        ),
        "gitlab": Provider(
            authorize_url="https://gitlab.com/oauth/authorize",
            token_url="https://gitlab.com/oauth/token",  # noqa: S106 -- an address
            issuer="https://gitlab.com",
            revocation_url="https://gitlab.com/oauth/revoke",
            origins=("https://gitlab.com/api/",),
        ),
        "google": Provider(
            authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url="https://oauth2.googleapis.com/token",  # noqa: S106 -- an address
            issuer="https://accounts.google.com",
            revocation_url="https://oauth2.googleapis.com/revoke",
            # Google gives no refresh token without the first, and a second one only with the other.
            parameters=(("access_type", "offline"), ("prompt", "consent")),
            origins=("https://www.googleapis.com/",),
        ),
        "microsoft": Provider(
            authorize_url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106 -- an address
            origins=("https://graph.microsoft.com/",),
        ),
    }
)
