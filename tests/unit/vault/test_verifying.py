"""Signatures of others, verified by what the vault holds."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wardian.policy.secret import Secret
from wardian.vault import Held, Kind
from wardian.vault.verifying import Signed, shortcoming, signer_among

AT = datetime(2026, 6, 1, tzinfo=UTC)
KEY = "a-key-of-more-than-sixteen-bytes"


def held(key: str, name: str = "hook", kind: Kind = Kind.HMAC_KEY, **more: Any) -> Held:
    field = "key" if kind is Kind.HMAC_KEY else "token"
    return Held(
        id=name, tenant="t", owner=None, name=name, kind=kind, version=1,
        secrets={field: Secret(key)}, **more,
    )  # fmt: skip


def signed(key: bytes, message: bytes = b"m", algorithm: str = "sha256", **more: Any) -> Signed:
    code = hmac.digest(key, message, algorithm)
    return Signed(algorithm=algorithm, message=message, signatures=[b"other", code], **more)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "sha1"])
def test_the_credential_that_signed_is_found_among_two(algorithm: str) -> None:
    first, second = held(KEY), held("another", "hook.next")

    for key, expected in ((KEY, first), ("another", second), ("none", None)):
        code = signed(key.encode(), algorithm=algorithm)
        assert signer_among((first, second), code, AT) is expected
    assert signer_among((), signed(b""), AT) is None


def test_a_key_is_read_as_its_credential_says_or_else_as_its_recipe_does() -> None:
    raw = b"0123456789abcdef01"
    text = base64.b64encode(raw).decode()
    standard = {"key_prefix": "whsec_", "key_encoding": "base64"}

    for key, public in (
        (f"whsec_{text}", {}),
        (text, {}),
        (raw.hex(), {"encoding": "hex"}),
        (raw.decode(), {"encoding": "text"}),
    ):
        found = held(key, public=public)
        assert signer_among([found], signed(raw, **standard), AT) is found
        assert shortcoming(found, signed(raw, **standard), AT) is None
    # Stripe's key is the text itself, whatever it begins with.
    plain = held(f"whsec_{text}")
    assert signer_among([plain], signed(f"whsec_{text}".encode()), AT) is plain


@pytest.mark.parametrize(
    ("credential", "why"),
    [
        (held(KEY, expires_at=AT), "expired"),
        (held(KEY, kind=Kind.BEARER), "kind"),
        (held("whsec_"), "empty"),
        (held("whsec_*"), "not written"),
        (held("c2hvcnQ="), "less than 16 bytes"),
    ],
)
def test_what_is_wrong_with_a_credential_is_said_without_its_key(
    credential: Held, why: str
) -> None:
    form = signed(b"", key_prefix="whsec_", key_encoding="base64")

    told = shortcoming(credential, form, AT)

    assert told is not None
    assert why in told
    assert KEY not in told


@pytest.mark.parametrize("key", ["whsec_", ""])
def test_an_empty_key_signs_nothing(key: str) -> None:
    code = signed(b"", key_prefix="whsec_", key_encoding="base64")

    assert signer_among([held(key)], code, AT) is None


def test_an_expired_credential_verifies_nothing_from_that_moment_on() -> None:
    credential = held(KEY, expires_at=AT)

    before = AT - timedelta(microseconds=1)
    assert signer_among([credential], signed(KEY.encode()), before) is credential
    assert signer_among([credential], signed(KEY.encode()), AT) is None
