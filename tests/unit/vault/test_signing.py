"""Signing: which credential signs what, and what a plugin cannot have signed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from helds import NOW, ORIGIN, held
from signing_keys import ALGORITHMS, opened, pem
from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments, PermissionDenied
from wardian.vault import Held, Kind
from wardian.vault.claims import (
    CLAIMS_BYTES_MAX,
    CLOCK_SECONDS,
    LONGEST_SECONDS,
    check_longest_seconds,
)
from wardian.vault.signing import TEXT_BYTES_MAX, AwsCall, sign_aws, sign_claims, sign_text

THEN = int(NOW.timestamp())
JEFE = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    ("key", "encoding"),
    [("Jefe", None), ("Jefe", "text"), ("SmVmZQ==", "base64"), ("4a656665", "hex")],
)
def test_a_text_is_signed_with_the_key_in_its_encoding(key: str, encoding: str | None) -> None:
    """RFC 4231, test case 2."""
    public = {} if encoding is None else {"encoding": encoding}
    credential = held(Kind.HMAC_KEY, public=public, secrets={"key": key})

    assert sign_text(credential, "what do ya want for nothing?", NOW) == JEFE


@pytest.mark.parametrize(("key", "encoding"), [("canary!", "base64"), ("canary", "hex")])
def test_a_key_that_is_not_in_its_encoding_is_not_quoted(key: str, encoding: str) -> None:
    credential = held(Kind.HMAC_KEY, public={"encoding": encoding}, secrets={"key": key})

    with pytest.raises(InvalidArguments) as caught:
        sign_text(credential, "x", NOW)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["x" * (TEXT_BYTES_MAX + 1), "\ud800"])
def test_a_text_too_long_or_no_text_is_invalid(text: str) -> None:
    with pytest.raises(InvalidArguments):
        sign_text(held(Kind.HMAC_KEY), text, NOW)


def private_key(algorithm: str = "EdDSA", *origins: str, **public: Any) -> Held:
    return held(Kind.PRIVATE_KEY, *origins, public=public, secrets={"pem": pem(algorithm)})


def claims_of(text: str | dict[str, Any], **public: Any) -> dict[str, Any]:
    text = text if isinstance(text, str) else json.dumps(text)
    return opened(sign_claims(private_key(**public), text, NOW))[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_signed_with_the_algorithm_of_the_key(algorithm: str) -> None:
    token = sign_claims(private_key(algorithm, key_id="k7"), '{"sub":"ann"}', NOW)

    header, claims = opened(token, algorithm)
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "k7"}
    assert claims == {"sub": "ann", "iat": THEN, "exp": THEN + LONGEST_SECONDS}


def test_nothing_in_the_claims_changes_the_header() -> None:
    token = sign_claims(private_key(), '{"alg":"none","typ":"x","kid":"y","crit":["z"]}', NOW)

    assert opened(token)[0] == {"alg": "EdDSA", "typ": "JWT"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "null",
        '{"a":1,"a":2}',
        '{"x":{"iss":"a","iss":"b"}}',
        '{"exp":"soon"}',
        '{"exp":true}',
        '{"exp":null}',
        '{"iat":[1]}',
        '{"exp":NaN}',
        '{"exp":Infinity}',
        '{"exp":1e999}',
        '{"iss":7}',
        '{"sub":null}',
        '{"aud":{"a":1}}',
        '{"aud":["a",1]}',
        '{"a":"\\ud800"}',
        "[" * 10_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        '{"a":' + "9" * 5_000 + "}",
        json.dumps({"a": "x" * CLAIMS_BYTES_MAX}),
    ],
)
def test_what_are_no_claims_is_invalid(text: str) -> None:
    with pytest.raises(InvalidArguments):
        claims_of(text)


@pytest.mark.parametrize(
    ("claims", "public"),
    [
        ({"iss": "mallory"}, {"issuer": "ops"}),
        ({"sub": "root"}, {"subject": "ann"}),
        ({"aud": "bank"}, {"audience": ["shop"]}),
        ({"aud": ["shop", "bank"]}, {"audience": ["shop", "wiki"]}),
        ({"aud": []}, {"audience": ["shop"]}),
        ({"exp": THEN + LONGEST_SECONDS + 1}, {}),
        ({"exp": THEN + 61}, {"longest_seconds": "60"}),
        ({"exp": 2**80}, {}),
        ({"exp": 1e300}, {}),
    ],
)
def test_what_the_operator_fixed_is_not_for_a_plugin_to_say(
    claims: dict[str, Any], public: dict[str, Any]
) -> None:
    with pytest.raises(PermissionDenied):
        claims_of(claims, **public)


def test_what_the_operator_fixed_is_in_every_token() -> None:
    public = {"issuer": "ops", "subject": "ann", "audience": ["shop"], "longest_seconds": "60"}

    expected = {"iss": "ops", "sub": "ann", "aud": "shop", "iat": THEN, "exp": THEN + 60}
    assert claims_of({}, **public) == expected
    assert claims_of({"iss": "ops", "aud": ["shop"]}, **public) == expected | {"aud": ["shop"]}


@pytest.mark.parametrize(
    "times",
    [
        {"exp": THEN},
        {"exp": THEN - 1},
        {"exp": -1e300},
        {"iat": THEN + CLOCK_SECONDS + 1},
        {"iat": THEN - CLOCK_SECONDS - 1},
        {"nbf": THEN + 100, "exp": THEN + 100},
    ],
)
def test_times_that_make_no_sense_are_invalid(times: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        claims_of(times)


def test_times_within_the_bounds_stay() -> None:
    times = {"iat": THEN - 60, "nbf": THEN - 60, "exp": THEN + 540.5}

    assert claims_of(times) == times


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e3", "soon", "٣", "99999999", "9" * 9])
def test_a_longest_life_that_is_none_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(InvalidArguments):
        check_longest_seconds(text)


AWS_CALL: dict[str, Any] = {
    "method": "GET",
    "url": "https://api.example.org/items?b=2&a=1",
    "body_sha256": sha256_hex(b""),
    "region": "eu-central-1",
    "service": "execute-api",
}


def signed(credential: Held | None = None, **changes: Any) -> dict[str, str]:
    chosen = credential or held(Kind.AWS, ORIGIN)
    return dict(sign_aws(chosen, AwsCall(**AWS_CALL | changes), NOW))


def test_a_request_to_aws_is_signed_and_the_key_is_not_in_it() -> None:
    added = signed(headers=[("content-type", "application/json")])

    assert added["x-amz-date"] == "20260301T120000Z"
    assert added["x-amz-security-token"] == "canary-session-1"
    assert (
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
        in added["authorization"]
    )
    assert "canary-aws-1" not in str(added)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/items",
        "http://api.example.org/items",
        "https://api.example.org:8443/items",
        "https://sub.api.example.org/items",
    ],
)
def test_a_request_to_where_the_credential_is_not_bound_is_denied(url: str) -> None:
    with pytest.raises(PermissionDenied, match="not bound"):
        signed(url=url)


def test_a_credential_without_origins_signs_no_request() -> None:
    with pytest.raises(PermissionDenied, match="not bound"):
        signed(held(Kind.AWS))


@pytest.mark.parametrize("fact", ["region", "service"])
def test_another_region_or_service_than_the_operator_fixed_is_denied(fact: str) -> None:
    with pytest.raises(PermissionDenied, match=fact):
        signed(held(Kind.AWS, ORIGIN, public={fact: "other"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "get"},
        {"method": "GET\nx"},
        {"url": "//api.example.org"},
        {"url": "https://ann:pw@api.example.org/"},
        {"url": "https://api.example.org/?q=a+b"},
        {"body_sha256": "UNSIGNED-PAYLOAD"},
        {"body_sha256": "A" * 64},
        {"region": "eu/central"},
        {"region": ""},
        {"service": "s3\n"},
        {"headers": [("Content-Type", "x")]},
        {"headers": [("host", "evil.example")]},
        {"headers": [("authorization", "x")]},
        {"headers": [("x-amz-date", "20990101T000000Z")]},
        {"headers": [("x-amz-security-token", "x")]},
        {"headers": [("x-amz-content-sha256", "x")]},
        {"headers": [("a", "b\r\nhost:evil.example")]},
        {"headers": [("a\nb", "c")]},
        {"headers": [("a", "é")]},
        {"headers": [("a", "x" * 20_000)]},
        {"headers": [("a", "x")] * 51},
    ],
)
def test_what_is_no_such_request_is_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        signed(**changes)


SIGNERS: dict[Kind, Any] = {
    Kind.HMAC_KEY: lambda credential: sign_text(credential, "x", NOW),
    Kind.PRIVATE_KEY: lambda credential: sign_claims(credential, "{}", NOW),
    Kind.AWS: lambda credential: sign_aws(credential, AwsCall(**AWS_CALL), NOW),
}


@pytest.mark.parametrize("operation", SIGNERS)
@pytest.mark.parametrize("kind", Kind)
def test_each_operation_takes_one_kind_and_says_which(operation: Kind, kind: Kind) -> None:
    if kind is operation:
        return
    with pytest.raises(InvalidArguments, match=f"kind {kind}; .* the kind {operation}"):
        SIGNERS[operation](held(kind, ORIGIN))


@pytest.mark.parametrize("kind", [Kind.HMAC_KEY, Kind.PRIVATE_KEY])
def test_a_credential_that_is_bound_signs_nothing_that_could_go_anywhere(kind: Kind) -> None:
    with pytest.raises(PermissionDenied, match="bound to origins"):
        SIGNERS[kind](held(kind, ORIGIN))


@pytest.mark.parametrize("kind", SIGNERS)
def test_an_expired_credential_signs_nothing(kind: Kind) -> None:
    with pytest.raises(PermissionDenied, match="expired"):
        SIGNERS[kind](held(kind, ORIGIN, expires_at=NOW))
    with pytest.raises(PermissionDenied, match="expired"):
        SIGNERS[kind](held(kind, expires_at=NOW - timedelta(days=1)))
