"""Use credentials without holding them. Needs ``credentials:use:NAME``."""

from collections.abc import Mapping
from typing import Any

from wit_world.imports import credentials as _host
from wit_world.imports.credentials import AwsRequest

from wardian_sdk._errors import ask
from wardian_sdk._json import to_text

__all__ = ["AwsRequest", "exists", "reveal", "sign_aws", "sign_hmac", "sign_jwt"]


def exists(name: str) -> bool:
    """Tell whether a credential of this name exists for this plugin."""
    return ask(_host.exists, name)


def sign_hmac(name: str, text: str) -> str:
    """Return the HMAC-SHA256 of ``text`` under the credential, in lower-case hexadecimal."""
    return ask(_host.sign, name, _host.Operation_HmacSha256(text)).value


def sign_jwt(name: str, claims: Mapping[str, Any]) -> str:
    """Return a JSON Web Token over ``claims``; the algorithm is the key's own."""
    return ask(_host.sign, name, _host.Operation_Jwt(to_text(dict(claims)))).value


def sign_aws(name: str, request: AwsRequest) -> list[tuple[str, str]]:
    """Return the headers that AWS Signature Version 4 adds to ``request``."""
    return ask(_host.sign, name, _host.Operation_AwsSigv4(request)).headers


def reveal(name: str) -> str:
    """Return the credential itself. Needs ``credentials:reveal:NAME``.

    Most sandbox levels never grant it: prefer signing, or the ``credential`` of a request.
    """
    return ask(_host.reveal, name)
