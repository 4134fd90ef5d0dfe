"""Authorization servers and the client that this host is to them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl

from wardian.errors import InvalidArguments
from wardian.oauth.providers import Provider
from wardian.policy.secret import Secret
from wardian.policy.urls import Url, parse_url

_OURS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)


class AuthMethod(StrEnum):
    """How the client shows that it is the one: RFC 6749, section 2.3.1, or not at all."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One authorization server.

    Attributes:
        issuer: what its answers must call it, where it is known.
        says_issuer: whether each of its answers has to name the issuer (RFC 9207).
        parameters: what its authorization address takes beside the standard's.
    """

    authorize_url: str
    token_url: str
    issuer: str | None = None
    says_issuer: bool = False
    revocation_url: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """This host, as a server knows it.

    Attributes:
        secret: None for a public client, which PKCE alone protects.
    """

    client_id: str
    secret: Secret | None = None
    auth_method: AuthMethod = AuthMethod.BASIC


def server_of(
    *,
    authorize_url: str,
    token_url: str,
    issuer: str | None = None,
    says_issuer: bool = False,
    revocation_url: str | None = None,
) -> Server:
    """Check the addresses of a server, and return it.

    Raises:
        InvalidArguments: one is not ``https``, could be read in two ways, or brings parameters that
            are the host's to set.
    """
    where = endpoint(authorize_url, "authorization_url")
    taken = _OURS.intersection(
        name for name, _ in parse_qsl(where.query or "", keep_blank_values=True)
    )
    if taken:
        raise InvalidArguments(
            f"The authorization_url may not have the parameter {min(taken)!r}: the host sets it.",
            path="authorization_url",
        )
    if issuer is not None:
        check_name_of_issuer(issuer)
    return Server(
        authorize_url=str(where),
        token_url=str(endpoint(token_url, "token_url")),
        issuer=issuer,
        says_issuer=says_issuer,
        revocation_url=None
        if revocation_url is None
        else str(endpoint(revocation_url, "revocation_url")),
    )


def known_server(provider: Provider) -> Server:
    """Return the server of a provider that the host knows."""
    return Server(
        authorize_url=provider.authorize_url,
        token_url=provider.token_url,
        issuer=provider.issuer,
        revocation_url=provider.revocation_url,
        parameters=provider.parameters,
    )


def endpoint(text: str, name: str) -> Url:
    """Parse an address to which secrets go.

    Raises:
        InvalidArguments: it is not one, or whoever listens on the way could read them.
    """
    try:
        url = parse_url(text)
    except InvalidArguments as exc:
        raise InvalidArguments(f"The {name} cannot be used: {exc.message}", path=name) from exc
    if url.scheme != "https" and not is_loopback(url.host):
        raise InvalidArguments(
            f"The {name} must begin with https://; http:// is for this machine itself only.",
            path=name,
        )
    return url


def check_name_of_issuer(text: str) -> None:
    """Check the name of an issuer, which stays as it is written: names are compared so.

    Raises:
        InvalidArguments: it is not an address, or one with a query (RFC 8414, section 2).
    """
    if endpoint(text, "issuer").query is not None:
        raise InvalidArguments("The issuer is an address without a query.", path="issuer")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, whose traffic nobody else can read."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
