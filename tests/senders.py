"""Senders of webhooks, who sign as their services' documents say; nothing here is the host's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from wardian.runtime.credentials import CredentialOrder

SECRET = "a-secret-that-two-parties-share"
STANDARD_SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()

GITHUB = {
    "x-hub-signature-256": (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    ),
    "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
}
"""Of the body ``Hello, World!`` by the secret of GitHub's own example."""
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"

Headers = dict[str, str]


def github(body: bytes, secret: str = SECRET, delivery: str | None = None) -> Headers:
    """As "Validating webhook deliveries" has it, the older signature by SHA-1 included."""
    key = secret.encode()
    return {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": delivery or str(uuid.uuid4()),
        "x-hub-signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
        "x-hub-signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
    }


def stripe(body: bytes, secret: str = SECRET, at: int | None = None) -> Headers:
    """As "Verify webhook signatures manually" has it."""
    at = seconds() if at is None else at
    code = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={code},v0=6ffbb59b2300aae63f272406069a9788"}


def standard(
    body: bytes, secret: str = STANDARD_SECRET, at: int | None = None, message: str | None = None
) -> Headers:
    """By the library of those who wrote the specification."""
    at, message = seconds() if at is None else at, message or f"msg_{uuid.uuid4().hex}"
    signature = Webhook(secret).sign(message, datetime.fromtimestamp(at, UTC), body.decode())
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


def seconds() -> int:
    return int(datetime.now(UTC).timestamp())


def stripe_body(event: str = "evt_1") -> bytes:
    return json.dumps({"id": event, "type": "charge.succeeded"}).encode()


def key_order(name: str, key: str, plugin: str | None = None, **more: Any) -> CredentialOrder:
    """The credential that a webhook is verified with."""
    return CredentialOrder(name=name, kind="hmac-key", fields={"key": key}, plugin=plugin, **more)
