"""What a server says about itself: RFC 8414, and OpenID Connect's older place for the same."""

from __future__ import annotations

import msgspec
from authlib.oauth2.rfc8414 import get_well_known_url

from wardian.errors import InvalidArguments, Unavailable
from wardian.oauth.servers import Server, server_of


class _Document(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    code_challenge_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool = False


def places_of(issuer: str) -> tuple[str, str]:
    """Return where an issuer's metadata may be, the standard's place first."""
    standard: str = get_well_known_url(issuer, external=True)
    return standard, f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(issuer: str, body: bytes) -> Server:
    """Read the metadata of ``issuer``.

    Raises:
        Unavailable: it is no such document, another issuer's, or that of a server which does not
            take S256 challenges.
    """
    try:
        found = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Unavailable(f"The metadata of {issuer} cannot be read.") from exc
    # Otherwise anybody could pass for a server that people trust (RFC 8414, section 6.2).
    if found.issuer != issuer:
        raise Unavailable(f"The metadata of {issuer} is that of another issuer.")
    methods = found.code_challenge_methods_supported
    if methods is not None and "S256" not in methods:
        raise Unavailable(f"{issuer} does not take PKCE challenges of the method S256.")
    try:
        return server_of(
            authorize_url=found.authorization_endpoint,
            token_url=found.token_endpoint,
            issuer=issuer,
            says_issuer=found.authorization_response_iss_parameter_supported,
            revocation_url=found.revocation_endpoint,
        )
    except InvalidArguments as exc:
        raise Unavailable(f"The metadata of {issuer} cannot be used: {exc.message}") from exc
