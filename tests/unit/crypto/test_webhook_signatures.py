"""Signatures of webhooks, against the specification's own vector and its library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from wardian.crypto.webhook_signatures import new_secret, signatures

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_the_vector_of_the_specification_comes_out() -> None:
    signed = signatures([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_several_secrets_sign_side_by_side() -> None:
    secrets = [new_secret(), SECRET, new_secret()]
    at = datetime.now(UTC)

    signed = signatures(secrets, "id", int(at.timestamp()), BODY)

    assert signed.split(" ") == [
        Webhook(secret).sign(msg_id="id", timestamp=at, data=BODY.decode()) for secret in secrets
    ]


def test_secrets_are_random_and_of_256_bits() -> None:
    made = {new_secret() for _ in range(10)}

    assert len(made) == 10
    assert {len(base64.b64decode(each.removeprefix("whsec_"))) for each in made} == {32}


@pytest.mark.parametrize("body", ["ä€\U0001f600".encode(), b"", b"a.b.c"])
def test_bytes_are_signed_as_they_are(body: bytes) -> None:
    at = datetime.now(UTC)
    headers = {
        "webhook-id": "id",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signatures([SECRET], "id", int(at.timestamp()), body),
    }

    assert Webhook(SECRET).verify(body, headers, json_parse=False) is None
