"""Opened credentials for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wardian.policy.bindings import parse_binding
from wardian.policy.outgoing import Outgoing
from wardian.policy.secret import Secret
from wardian.policy.urls import parse_url
from wardian.vault import Bound, Held, Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = "https://api.example.org/"

_PARTS: dict[Kind, tuple[dict[str, Any], dict[str, str]]] = {
    Kind.OPAQUE: ({}, {"value": "canary-opaque-1"}),
    Kind.BASIC: ({"username": "ann"}, {"password": "canary-password-1"}),
    Kind.BEARER: ({}, {"token": "canary-bearer-1"}),
    Kind.HMAC_KEY: ({}, {"key": "canary-hmac-1"}),
    Kind.AWS: (
        {"access_key_id": "AKIDEXAMPLE"},
        {"secret_access_key": "canary-aws-1", "session_token": "canary-session-1"},
    ),
    Kind.PRIVATE_KEY: ({}, {"pem": "canary-pem-1"}),
    Kind.OAUTH2_CLIENT: ({"client_id": "app:1"}, {"client_secret": "canary-client/1"}),
    Kind.OAUTH2_TOKEN: (
        {"scopes": ["read"]},
        {"access_token": "canary-access-1", "refresh_token": "canary-refresh-1"},
    ),
}


def held(
    kind: Kind,
    *origins: str,
    placement: dict[str, Any] | None = None,
    public: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    expires_at: datetime | None = None,
) -> Held:
    """A credential named ``c``, with a canary for each secret."""
    usual_public, usual_secrets = _PARTS[kind]
    texts = usual_secrets if secrets is None else secrets
    return Held(
        id="id-1",
        tenant="default",
        owner=None,
        name="c",
        kind=kind,
        version=1,
        public=usual_public | (public or {}),
        secrets={name: Secret(text) for name, text in texts.items()},
        bound=Bound(
            origins=tuple(parse_binding(origin) for origin in origins), placement=placement
        ),
        expires_at=expires_at,
    )


def outgoing(
    url: str = "https://api.example.org/items",
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
) -> Outgoing:
    return Outgoing(method=method, url=parse_url(url), headers=headers, body=body)
