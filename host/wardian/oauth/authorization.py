"""The part that a browser carries: the address to consent at, and the answer that comes back."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from wardian.errors import InvalidArguments
from wardian.oauth.servers import Server
from wardian.policy.secret import Secret

MAX_QUERY_CHARS = 8 * 1024
MAX_FIELDS = 32

ERRORS = frozenset(
    {
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""The codes of RFC 6749, section 4.1.2.1; any other is told as ``unknown``."""

_READ = frozenset({"code", "error", "iss", "state"})
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE = re.compile(r"[ -~]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider had the browser bring back.

    Attributes:
        code: there unless ``error`` is.
        error: one of `ERRORS`, or ``unknown``.
        issuer: who says to have answered; None if nobody says so.
    """

    state: Secret
    code: Secret | None = None
    error: str | None = None
    issuer: str | None = None


def new_secret() -> str:
    """Make a state or a verifier: 256 random bits in 43 characters that every address takes."""
    return secrets.token_urlsafe(32)


def authorization_url(
    server: Server,
    client_id: str,
    *,
    redirect_uri: str,
    scopes: Sequence[str],
    state: str,
    verifier: str,
) -> str:
    """Return where to send the browser: response type ``code``, challenge method ``S256``."""
    found: str = prepare_grant_uri(
        server.authorize_url,
        client_id=client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=" ".join(scopes) or None,
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        **dict(server.parameters),
    )
    return found


def parse_answer(query: str) -> Answer:
    """Read the query of the callback; what is not ours to read is left alone.

    Raises:
        InvalidArguments: no state that this host could have made, a parameter twice, neither a code
            nor an error, or both.
    """
    found = _fields(query)
    state, code, error = found.get("state", ""), found.get("code"), found.get("error")
    if not _STATE.fullmatch(state):
        raise InvalidArguments("The answer has no state that this host has made.")
    if (code is None) == (error is None) or (code is not None and not _CODE.fullmatch(code)):
        raise InvalidArguments("The answer has neither a code nor an error, or both.")
    return Answer(
        state=Secret(state),
        code=None if code is None else Secret(code),
        error=None if error is None else error if error in ERRORS else "unknown",
        issuer=found.get("iss"),
    )


def check_issuer(server: Server, answer: Answer) -> None:
    """Check that an answer is that of the server which was asked (RFC 9207, section 2.4).

    Raises:
        InvalidArguments: it is another's, or does not say whose although the server always does.
    """
    if answer.issuer is None:
        if server.says_issuer:
            raise InvalidArguments(
                "The answer does not say whose it is, as its server always does."
            )
        return
    if server.issuer is None:
        raise InvalidArguments(
            "The answer says whose it is, and the OAuth client does not say who that should be: "
            "give it the provider's `issuer`."
        )
    if answer.issuer != server.issuer:
        raise InvalidArguments("The answer is that of another server than was asked.")


def _fields(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY_CHARS:
        raise InvalidArguments("The answer is too long.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise InvalidArguments("The answer cannot be read.") from exc
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _READ and found.setdefault(name, value) is not value:
            raise InvalidArguments(f"The answer has the parameter {name!r} twice.")
    return found
