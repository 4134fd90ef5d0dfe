"""Credentials put into requests: where they go, and what they never replace."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from helds import NOW, ORIGIN, held, outgoing
from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments, PermissionDenied
from wardian.policy.outgoing import Injection, Outgoing
from wardian.policy.urls import parse_url
from wardian.vault import Held, Kind
from wardian.vault.injection import injection_of
from wardian.vault.placements import TAKEN, check_placement

PLACEMENTS: dict[str, dict[str, Any]] = {
    "header": {"in": "header", "name": "X-Api-Key"},
    "query": {"in": "query", "name": "key"},
    "basic": {"in": "basic", "username": "ann"},
    "body": {"in": "body", "pointer": "/auth/key"},
    "signer hmac-sha256": {"in": "signer", "algorithm": "hmac-sha256", "header": "X-Signature"},
    "signer aws-sigv4": {"in": "signer", "algorithm": "aws-sigv4", "region": "r", "service": "s3"},
}


def injection(credential: Held) -> Injection:
    return injection_of(credential, lambda: NOW)


def applied(credential: Held, request: Outgoing | None = None) -> Outgoing:
    return injection(credential).apply(request or outgoing())


def opaque(**placement: Any) -> Held:
    return held(Kind.OPAQUE, ORIGIN, placement=placement)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.BEARER, "Bearer canary-bearer-1"),
        (Kind.OAUTH2_TOKEN, "Bearer canary-access-1"),
        (Kind.BASIC, f"Basic {base64.b64encode(b'ann:canary-password-1').decode()}"),
        (Kind.OAUTH2_CLIENT, f"Basic {base64.b64encode(b'app%3A1:canary-client%2F1').decode()}"),
    ],
)
def test_the_usual_place_is_the_header_authorization(kind: Kind, value: str) -> None:
    request = applied(held(kind, ORIGIN), outgoing(headers=(("accept", "*/*"),)))

    assert request.headers == (("accept", "*/*"), ("authorization", value))


@pytest.mark.parametrize("kind", [Kind.OPAQUE, Kind.HMAC_KEY, Kind.PRIVATE_KEY])
def test_kinds_without_a_usual_place_say_what_to_set(kind: Kind) -> None:
    with pytest.raises(InvalidArguments, match=r"set a placement\. It "):
        injection(held(kind, ORIGIN))


def test_a_header_of_ones_own_has_the_prefix_and_the_secret() -> None:
    request = applied(opaque(**{"in": "header"}, name="X-Api-Key", prefix="Token "))

    assert request.headers == (("x-api-key", "Token canary-opaque-1"),)


@pytest.mark.parametrize("name", ["x-api-key", "X-API-KEY", "X-Api-Key"])
def test_a_header_that_the_request_has_is_not_replaced(name: str) -> None:
    with pytest.raises(InvalidArguments, match="already"):
        applied(opaque(**PLACEMENTS["header"]), outgoing(headers=((name, "mine"),)))


@pytest.mark.parametrize(
    "secret", ["a\r\nb", "a\nHost: evil.example", "a\x00b", "é", " a", "a ", ""]
)
def test_a_secret_that_no_header_may_have_is_refused_and_not_quoted(secret: str) -> None:
    credential = held(
        Kind.OPAQUE, ORIGIN, placement=PLACEMENTS["header"], secrets={"value": secret}
    )

    with pytest.raises(InvalidArguments) as caught:
        applied(credential)

    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.org/x", "key=canary-opaque-1"),
        ("https://api.example.org/x?", "key=canary-opaque-1"),
        ("https://api.example.org/x?a=%2B+1&b", "a=%2B+1&b&key=canary-opaque-1"),
    ],
)
def test_a_parameter_comes_last_and_the_others_stay_as_they_were(url: str, expected: str) -> None:
    assert applied(opaque(**PLACEMENTS["query"]), outgoing(url)).url.query == expected


def test_a_parameter_is_percent_encoded() -> None:
    credential = held(
        Kind.OPAQUE, ORIGIN, placement=PLACEMENTS["query"], secrets={"value": "a&b=c/é"}
    )

    assert applied(credential).url.query == "key=a%26b%3Dc%2F%C3%A9"


@pytest.mark.parametrize(
    "query", ["key=mine", "a=1&key", "KEY=mine", "%6bey=mine", "%6B%65%79=", "a;key=1", "+key=1"]
)
def test_a_parameter_that_the_request_has_is_not_set_twice(query: str) -> None:
    with pytest.raises(InvalidArguments, match="already"):
        applied(opaque(**PLACEMENTS["query"]), outgoing(f"https://api.example.org/x?{query}"))


def test_basic_authentication_can_have_an_opaque_secret() -> None:
    request = applied(opaque(**PLACEMENTS["basic"]))

    expected = base64.b64encode(b"ann:canary-opaque-1").decode()
    assert request.headers == (("authorization", f"Basic {expected}"),)


@pytest.mark.parametrize("username", ["a:b", "a\nb", "a\x00"])
def test_a_user_name_that_would_be_read_differently_is_refused(username: str) -> None:
    with pytest.raises(InvalidArguments, match="colon"):
        applied(held(Kind.BASIC, ORIGIN, public={"username": username}))


def in_body(body: bytes | None, pointer: str = "/auth/key") -> bytes | None:
    credential = opaque(**{"in": "body"}, pointer=pointer)
    return applied(credential, outgoing(method="POST", body=body)).body


def test_a_member_of_the_body_is_added_and_the_rest_stays_as_it_was_written() -> None:
    body = b'{"n": 1.10, "big": 12345678901234567890123, "auth": {"x": 1e5}, "t": "\\u00e9"}'

    changed = in_body(body)

    assert changed == (
        b'{"n":1.10,"big":12345678901234567890123,"auth":{"x":1e5,"key":"canary-opaque-1"},'
        b'"t":"\\u00e9"}'
    )


@pytest.mark.parametrize(
    ("pointer", "body", "expected"),
    [
        ("/key", "{}", {"key": "canary-opaque-1"}),
        ("/a~1b/c~0d", '{"a/b":{}}', {"a/b": {"c~d": "canary-opaque-1"}}),
        ("/list/1/key", '{"list":[{},{}]}', {"list": [{}, {"key": "canary-opaque-1"}]}),
        ("/", "{}", {"": "canary-opaque-1"}),
    ],
)
def test_pointers_are_those_of_rfc_6901(pointer: str, body: str, expected: Any) -> None:
    assert json.loads(in_body(body.encode(), pointer) or b"") == expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"no json",
        b"[]",
        b'"auth"',
        b"{}",
        b'{"auth":1}',
        b'{"auth":null}',
        b'{"auth":{"key":"mine"}}',
        b'{"auth":{"k\\u0065y":"mine"}}',
        b'{"auth":{},"bad":}',
        b'{"auth":{}} trailing',
        b'{"auth":' * 2_000,
        b"\xff",
    ],
)
def test_a_body_without_a_place_for_it_is_refused(body: bytes | None) -> None:
    with pytest.raises(InvalidArguments):
        in_body(body)


def test_members_that_stand_twice_cannot_be_read_in_two_ways_afterwards() -> None:
    changed = in_body(b'{"auth":{"key":"mine"},"auth":{}}')

    assert changed == b'{"auth":{"key":"canary-opaque-1"}}'


def test_a_request_to_aws_is_signed_as_it_is_sent() -> None:
    credential = held(Kind.AWS, ORIGIN, placement=PLACEMENTS["signer aws-sigv4"])
    request = applied(
        credential,
        outgoing(
            "https://api.example.org/a%20b?x=1",
            method="PUT",
            headers=(("content-type", "text/plain"), ("user-agent", "x"), ("x-amz-acl", "private")),
            body=b"hello",
        ),
    )

    headers = dict(request.headers)
    assert headers["x-amz-content-sha256"] == sha256_hex(b"hello")
    assert headers["x-amz-security-token"] == "canary-session-1"
    assert (
        "Credential=AKIDEXAMPLE/20260301/r/s3/aws4_request, SignedHeaders=content-type;host;"
        "x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
    ) in headers["authorization"]
    assert request.url == outgoing("https://api.example.org/a%20b?x=1").url
    assert "canary-aws-1" not in str(request)


@pytest.mark.parametrize("name", ["authorization", "X-Amz-Date", "x-amz-security-token"])
def test_a_request_that_brings_parts_of_a_signature_is_refused(name: str) -> None:
    credential = held(Kind.AWS, ORIGIN, placement=PLACEMENTS["signer aws-sigv4"])

    with pytest.raises(InvalidArguments, match="already"):
        applied(credential, outgoing(headers=((name, "mine"),)))


def test_region_and_service_may_be_facts_of_the_credential_and_have_to_be_somewhere() -> None:
    credential = held(Kind.AWS, ORIGIN, public={"region": "r", "service": "s3"})

    assert "/r/s3/" in dict(applied(credential).headers)["authorization"]
    with pytest.raises(InvalidArguments, match="region"):
        applied(held(Kind.AWS, ORIGIN))


def code(message: bytes) -> bytes:
    return hmac.digest(b"canary-hmac-1", message, hashlib.sha256)


def test_a_request_can_carry_the_hmac_of_its_body() -> None:
    credential = held(
        Kind.HMAC_KEY,
        ORIGIN,
        placement=PLACEMENTS["signer hmac-sha256"] | {"prefix": "sha256="},
    )

    request = applied(credential, outgoing(method="POST", body=b"hello"))

    assert request.headers == (("x-signature", f"sha256={code(b'hello').hex()}"),)
    assert "canary" not in str(request)


def test_a_template_puts_other_parts_of_the_request_under_the_hmac() -> None:
    credential = held(
        Kind.HMAC_KEY,
        ORIGIN,
        placement=PLACEMENTS["signer hmac-sha256"]
        | {
            "template": "{timestamp}.{method}.{host}{path}.{body}",
            "timestamp_header": "X-Time",
            "encoding": "base64",
        },
    )
    request = applied(
        credential, outgoing("https://api.example.org/x?b=1", method="POST", body=b"{path}")
    )

    then = str(int(NOW.timestamp()))
    message = f"{then}.POST.api.example.org/x?b=1.{{path}}".encode()
    assert request.headers == (
        ("x-time", then),
        ("x-signature", base64.b64encode(code(message)).decode()),
    )


@pytest.mark.parametrize("name", ["x-time", "X-Signature"])
def test_headers_of_an_hmac_are_not_replaced_either(name: str) -> None:
    credential = held(
        Kind.HMAC_KEY,
        ORIGIN,
        placement=PLACEMENTS["signer hmac-sha256"]
        | {"template": "{timestamp}{body}", "timestamp_header": "X-Time"},
    )

    with pytest.raises(InvalidArguments, match="already"):
        applied(credential, outgoing(headers=((name, "mine"),)))


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://api.example.org/repos/x", True),
        ("https://api.example.org/repos", True),
        ("https://api.example.org/repository", False),
        ("https://api.example.org/", False),
        ("https://api.example.org:444/repos/x", False),
        ("http://api.example.org/repos/x", False),
        ("https://evil.example/repos/x", False),
        ("https://api.example.org.evil.example/repos/x", False),
    ],
)
def test_a_credential_goes_where_it_is_bound_to(url: str, covered: bool) -> None:
    bound = injection(held(Kind.BEARER, "https://api.example.org/repos"))

    assert bound.covers(parse_url(url)) == covered


def test_a_credential_without_origins_goes_nowhere() -> None:
    assert not injection(held(Kind.BEARER)).covers(parse_url(ORIGIN))


def test_an_expired_credential_goes_nowhere() -> None:
    with pytest.raises(PermissionDenied, match="expired"):
        injection(held(Kind.BEARER, ORIGIN, expires_at=NOW - timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (Kind.BEARER, "Bearer canary-bearer-1"),
        (Kind.BASIC, "ann:canary-password-1"),
        (Kind.BASIC, f"Basic {base64.b64encode(b'ann:canary-password-1').decode()}"),
        (Kind.OAUTH2_TOKEN, "canary-refresh-1"),
        (Kind.AWS, "canary-aws-1"),
    ],
)
def test_what_may_not_come_back_has_what_the_secret_was_made_into(kind: Kind, made: str) -> None:
    assert made in [each.reveal() for each in injection(held(kind, ORIGIN)).secrets]


def test_neither_secrets_nor_their_forms_are_in_the_text_of_an_injection() -> None:
    for kind in (Kind.BEARER, Kind.BASIC, Kind.AWS):
        assert "canary" not in repr(injection(held(kind, ORIGIN)))


@pytest.mark.parametrize("name", PLACEMENTS)
@pytest.mark.parametrize("kind", Kind)
def test_each_kind_takes_the_placements_of_the_table(kind: Kind, name: str) -> None:
    placement = PLACEMENTS[name]
    if kind in (Kind.BASIC, Kind.OAUTH2_CLIENT) and name == "basic":
        placement = {"in": "basic"}
    if name in TAKEN[kind]:
        check_placement(kind, placement)
    else:
        with pytest.raises(InvalidArguments, match="is not put so"):
            check_placement(kind, placement)


@pytest.mark.parametrize(
    ("kind", "placement"),
    [
        (Kind.OPAQUE, {}),
        (Kind.OPAQUE, {"in": "cookie"}),
        (Kind.OPAQUE, {"in": "header"}),
        (Kind.OPAQUE, {"in": "header", "name": 7}),
        (Kind.OPAQUE, {"in": "header", "name": "x", "more": "y"}),
        (Kind.OPAQUE, {"in": "header", "name": "a b"}),
        (Kind.OPAQUE, {"in": "header", "name": "x\r\ny"}),
        (Kind.OPAQUE, {"in": "header", "name": "Host"}),
        (Kind.OPAQUE, {"in": "header", "name": "Content-Length"}),
        (Kind.OPAQUE, {"in": "header", "name": "Transfer-Encoding"}),
        (Kind.OPAQUE, {"in": "header", "name": "x", "prefix": "Bearer"}),
        (Kind.OPAQUE, {"in": "header", "name": "x", "prefix": "a\nb "}),
        (Kind.OPAQUE, {"in": "query", "name": "a&b"}),
        (Kind.OPAQUE, {"in": "query", "name": ""}),
        (Kind.OPAQUE, {"in": "basic"}),
        (Kind.OPAQUE, {"in": "basic", "username": "a:b"}),
        (Kind.BASIC, {"in": "basic", "username": "b"}),
        (Kind.OPAQUE, {"in": "body", "pointer": ""}),
        (Kind.OPAQUE, {"in": "body", "pointer": "key"}),
        (Kind.OPAQUE, {"in": "body", "pointer": "/a~2"}),
        (Kind.AWS, {"in": "signer", "algorithm": "aws-sigv4", "region": "A B"}),
        (Kind.AWS, {"in": "signer", "algorithm": "aws-sigv4", "header": "x"}),
        (Kind.AWS, {"in": "signer", "algorithm": "none"}),
        (Kind.HMAC_KEY, {"in": "signer", "algorithm": "hmac-sha256"}),
        (Kind.HMAC_KEY, PLACEMENTS["signer hmac-sha256"] | {"template": "{timestamp}{body}"}),
        (Kind.HMAC_KEY, PLACEMENTS["signer hmac-sha256"] | {"template": "{secret}{body}"}),
        (Kind.HMAC_KEY, PLACEMENTS["signer hmac-sha256"] | {"template": "{path}"}),
        (Kind.HMAC_KEY, PLACEMENTS["signer hmac-sha256"] | {"template": "{body"}),
        (Kind.HMAC_KEY, PLACEMENTS["signer hmac-sha256"] | {"timestamp_header": "x-time"}),
        (
            Kind.HMAC_KEY,
            PLACEMENTS["signer hmac-sha256"]
            | {"template": "{timestamp}{body}", "timestamp_header": "x-signature"},
        ),
    ],
)
def test_a_placement_that_cannot_be_is_refused_when_it_is_set(
    kind: Kind, placement: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_placement(kind, placement)

    assert (caught.value.path or "").startswith("placement")
