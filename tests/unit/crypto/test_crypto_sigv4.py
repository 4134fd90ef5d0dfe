"""Signature Version 4 as AWS publishes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from wardian.crypto.digests import sha256_hex
from wardian.crypto.sigv4 import AwsKey, AwsRequest, signed_headers
from wardian.errors import InvalidArguments

KEY = AwsKey(
    access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)
WITH_TOKEN = AwsKey(
    access_key_id=KEY.access_key_id,
    secret_access_key=KEY.secret_access_key,
    session_token="6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
)
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True)
class Example:
    """One request of AWS's signing test suite, with its signature."""

    name: str
    signature: str
    method: str = "GET"
    path: str = "/"
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content: bool = False
    key: AwsKey = KEY


# https://github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4; by the names there. Those
# with dot segments are left out, because addresses with such are refused before.
SUITE = [
    Example("get-vanilla", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    Example(
        "get-vanilla-with-session-token",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        key=WITH_TOKEN,
    ),
    Example(
        "get-header-key-duplicate",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        headers=(("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")),
    ),
    Example(
        "get-header-value-order",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        headers=tuple(("my-header1", f"value{number}") for number in (4, 1, 3, 2)),
    ),
    Example(
        "get-header-value-trim",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        headers=(("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
    ),
    Example(
        "get-slashes-normalized",
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        path="//example//",
    ),
    Example(
        "get-space",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        path="/example space/",
    ),
    Example(
        "get-unreserved",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        path=f"/{UNRESERVED}",
    ),
    Example(
        "get-utf8",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        path="/\u1234",
    ),
    Example(
        "get-vanilla-query-order-encoded",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        query="Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
    ),
    Example(
        "get-vanilla-query-unreserved",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        query=f"{UNRESERVED}={UNRESERVED}",
    ),
    Example(
        "get-vanilla-utf8-query",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        query="\u1234=bar",
    ),
    Example(
        "post-vanilla-query",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        method="POST",
        query="Param1=value1",
    ),
    Example(
        "post-x-www-form-urlencoded-parameters",
        "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        method="POST",
        headers=(("content-type", FORM), ("content-length", "13")),
        body=b"Param1=value1",
        content=True,
    ),
]


@pytest.mark.parametrize("example", SUITE, ids=lambda example: example.name)
def test_requests_of_the_suite_get_its_signatures(example: Example) -> None:
    request = AwsRequest(
        method=example.method,
        host="example.amazonaws.com",
        path=example.path,
        query=example.query,
        headers=example.headers,
        body_sha256=sha256_hex(example.body),
        region="us-east-1",
        service="service",
    )

    added = dict(signed_headers(request, example.key, THEN, content=example.content))

    assert added["authorization"].endswith(f"Signature={example.signature}")
    assert added["x-amz-date"] == "20150830T123600Z"


S3_KEY = AwsKey(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)

# Amazon S3, API reference: "Authenticating Requests: Using the Authorization Header", examples.
S3 = [
    (
        {"method": "GET", "path": "/test.txt", "headers": (("range", "bytes=0-9"),)},
        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        {
            "method": "PUT",
            "path": "/test%24file.text",
            "headers": (
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ),
        },
        b"Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    (
        {"method": "GET", "path": "/", "query": "lifecycle"},
        b"",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    (
        {"method": "GET", "path": "/", "query": "max-keys=2&prefix=J"},
        b"",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


@pytest.mark.parametrize(("parts", "body", "signature"), S3)
def test_examples_of_s3_get_their_signatures(
    parts: dict[str, Any], body: bytes, signature: str
) -> None:
    request = AwsRequest(
        host="examplebucket.s3.amazonaws.com",
        body_sha256=sha256_hex(body),
        region="us-east-1",
        service="s3",
        **parts,
    )

    added = dict(signed_headers(request, S3_KEY, datetime(2013, 5, 24, tzinfo=UTC)))

    assert added["authorization"].endswith(f"Signature={signature}")
    assert added["x-amz-content-sha256"] == sha256_hex(body)


def authorization(**parts: Any) -> str:
    settings: dict[str, Any] = {
        "method": "GET",
        "host": "bucket.s3.amazonaws.com",
        "path": "/",
        "body_sha256": sha256_hex(b""),
        "region": "us-east-1",
        "service": "s3",
    }
    return dict(signed_headers(AwsRequest(**settings | parts), KEY, THEN))["authorization"]


def test_s3_signs_the_same_for_every_spelling_of_a_path_and_others_for_the_one_that_is_sent() -> (
    None
):
    assert authorization(path="/a%7Eb%28") == authorization(path="/a~b(")
    assert authorization(path="/a//b") != authorization(path="/a/b")
    assert authorization(path="/a%20b", service="sqs") != authorization(path="/a b", service="sqs")


def test_a_query_that_can_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="%20 for a space"):
        authorization(query="q=a+b")


def test_secrets_are_in_no_text_of_a_key() -> None:
    assert repr(WITH_TOKEN) == "AwsKey(access_key_id='AKIDEXAMPLE')"
