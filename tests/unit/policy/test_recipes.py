"""What a request presents, by each recipe; held against what their authors publish."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import senders
from wardian.crypto.macs import hmac_by
from wardian.policy.recipes import (
    HEADER_CHARS_MAX,
    RECIPES,
    SIGNATURES_MAX,
    IdForm,
    Reason,
    Recipe,
    SignatureForm,
    TimestampForm,
    Unacceptable,
    delivery_id_of,
    is_timely,
    presented,
)

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECONDS = int(AT.timestamp())


def given(headers: dict[str, str]) -> list[tuple[str, str]]:
    return list(headers.items())


def refused(recipe: Recipe, headers: list[tuple[str, str]], body: bytes = b"{}") -> Reason:
    try:
        delivery_id_of(recipe, presented(recipe, headers, body), body)
    except Unacceptable as unacceptable:
        return unacceptable.reason
    pytest.fail("The request was taken.")


def test_github_s_own_example_is_what_it_says() -> None:
    found = presented(RECIPES["github"], given(senders.GITHUB), senders.GITHUB_BODY)

    code = hmac_by("sha256", senders.GITHUB_SECRET.encode(), found.message)
    assert found.signatures == (code,)
    assert found.delivery_id == "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def test_what_the_library_of_standard_webhooks_signs_is_what_is_found() -> None:
    body = '{"a": "ä"}'.encode()
    headers = senders.standard(body, at=SECONDS, message="msg_1")

    found = presented(RECIPES["standard-webhooks"], given(headers), body)

    assert found.message == f"msg_1.{SECONDS}.".encode() + body
    assert found.signatures == (hmac_by("sha256", b"k" * 24, found.message),)
    assert (found.timestamp, found.delivery_id) == (SECONDS, "msg_1")


def test_stripe_s_header_has_the_moment_and_signatures_of_other_schemes() -> None:
    body = senders.stripe_body("evt_7")
    recipe = RECIPES["stripe"]

    found = presented(recipe, given(senders.stripe(body, at=SECONDS)), body)

    assert found.signatures == (hmac_by("sha256", senders.SECRET.encode(), found.message),)
    assert found.timestamp == SECONDS
    assert delivery_id_of(recipe, found, body) == "evt_7"


def test_each_of_several_signatures_is_found_whatever_the_others_are() -> None:
    headers = senders.standard(b"{}", message="m")
    headers["webhook-signature"] = f"v1a,xx v1,!! {headers['webhook-signature']} v2,AAAA"

    assert len(presented(RECIPES["standard-webhooks"], given(headers), b"{}").signatures) == 1

    too_many = " ".join(["v1,AAAA"] * (SIGNATURES_MAX + 1))
    headers["webhook-signature"] = too_many
    assert refused(RECIPES["standard-webhooks"], given(headers)) is Reason.MALFORMED_SIGNATURE


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("webhook-signature", None, Reason.MISSING_SIGNATURE),
        ("webhook-signature", "", Reason.MISSING_SIGNATURE),
        ("webhook-signature", "v2,AAAA", Reason.MISSING_SIGNATURE),
        ("webhook-signature", "v1,", Reason.MALFORMED_SIGNATURE),
        ("webhook-signature", "v1,ä", Reason.MALFORMED_SIGNATURE),
        ("webhook-signature", "v1," + "A" * HEADER_CHARS_MAX, Reason.MALFORMED_SIGNATURE),
        ("webhook-timestamp", None, Reason.MISSING_TIMESTAMP),
        ("webhook-timestamp", "-1", Reason.MISSING_TIMESTAMP),
        ("webhook-timestamp", "1e9", Reason.MISSING_TIMESTAMP),
        ("webhook-timestamp", "١٢٣", Reason.MISSING_TIMESTAMP),
        ("webhook-timestamp", "9" * 16, Reason.MISSING_TIMESTAMP),
        ("webhook-id", None, Reason.MISSING_ID),
        ("webhook-id", "", Reason.MISSING_ID),
        ("webhook-id", "a b", Reason.MISSING_ID),
        ("webhook-id", "a" * 257, Reason.MISSING_ID),
    ],
)
def test_what_is_missing_or_malformed_is_named(
    name: str, value: str | None, reason: Reason
) -> None:
    headers = senders.standard(b"{}")
    del headers[name]
    if value is not None:
        headers[name] = value

    assert refused(RECIPES["standard-webhooks"], given(headers)) is reason


@pytest.mark.parametrize("name", ["webhook-signature", "webhook-timestamp", "webhook-id"])
def test_a_header_that_is_there_twice_is_believed_neither_time(name: str) -> None:
    headers = given(senders.standard(b"{}"))
    again = [*headers, (name, dict(headers)[name])]

    assert refused(RECIPES["standard-webhooks"], again) is Reason.REPEATED_HEADER


def test_a_second_moment_in_one_header_is_refused() -> None:
    headers = senders.stripe(b"{}", at=SECONDS)
    headers["stripe-signature"] += f",t={SECONDS + 1}"

    assert refused(RECIPES["stripe"], given(headers)) is Reason.MISSING_TIMESTAMP


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 5}', b'{"no": "id"}', b"[" * 100_000])
def test_an_id_that_is_not_in_the_body_is_missing(body: bytes) -> None:
    assert refused(RECIPES["stripe"], given(senders.stripe(body)), body) is Reason.MISSING_ID


@pytest.mark.parametrize("apart", [-300, 0, 300])
def test_within_the_tolerance_a_request_is_timely(apart: int) -> None:
    headers = senders.stripe(b"{}", at=SECONDS + apart)

    assert is_timely(RECIPES["stripe"], presented(RECIPES["stripe"], given(headers), b"{}"), AT)


@pytest.mark.parametrize("apart", [-301, 301, 10**12])
def test_outside_the_tolerance_it_is_not_before_or_after(apart: int) -> None:
    headers = senders.stripe(b"{}", at=SECONDS + apart)
    found = presented(RECIPES["stripe"], given(headers), b"{}")

    assert not is_timely(RECIPES["stripe"], found, AT)


def test_milliseconds_are_what_a_recipe_may_count() -> None:
    recipe = Recipe(
        name="custom",
        signature=SignatureForm(header="x-signature", signed="{timestamp}{body}"),
        timestamp=TimestampForm(header="x-time", unit="milliseconds", tolerance_seconds=1),
        delivery_id=IdForm(pointer="/meta/a~1b"),
    )
    headers = [("x-signature", "ab"), ("x-time", str(SECONDS * 1000))]
    body = b'{"meta": {"a/b": "d1"}}'

    found = presented(recipe, headers, body)

    assert found.message == f"{SECONDS * 1000}".encode() + body
    assert delivery_id_of(recipe, found, body) == "d1"
    assert is_timely(recipe, found, AT)
    assert not is_timely(recipe, found, AT + timedelta(seconds=2))


def test_an_id_is_signed_if_the_signature_is_of_it_or_of_where_it_is() -> None:
    assert RECIPES["standard-webhooks"].id_is_signed
    assert RECIPES["stripe"].id_is_signed
    assert not RECIPES["github"].id_is_signed
    assert not replace(RECIPES["github"], delivery_id=None).id_is_signed


def signing(signed: str) -> Recipe:
    return Recipe(
        name="custom",
        signature=SignatureForm(header="x-signature", signed=signed),
        timestamp=TimestampForm(header="x-time"),
        delivery_id=IdForm(header="x-id"),
    )


@pytest.mark.parametrize(
    ("signed", "tells", "apart"),
    [
        ("{id}.{timestamp}.{body}", True, "."),
        ("{body}:{id}.{timestamp}", True, ":."),
        ("v0:{timestamp}:{body}:{id}", True, ":"),
        ("{id}{timestamp}{body}", False, ""),
        ("{body}{id}.{timestamp}", False, "."),
        ("{timestamp}.{body}", False, ""),
    ],
)
def test_an_id_ends_where_only_its_signer_says(signed: str, tells: bool, apart: str) -> None:
    recipe = signing(signed)

    assert recipe.id_tells is tells
    for number, each in enumerate("a:.{"):
        headers = [("x-signature", "ab"), ("x-time", str(SECONDS)), ("x-id", f"{number}{each}b")]
        if each in apart:
            assert refused(recipe, headers) is Reason.MISSING_ID
        else:
            assert presented(recipe, headers, b"{}").delivery_id == f"{number}{each}b"


def test_an_id_that_is_not_signed_may_be_left_out() -> None:
    headers = {name: text for name, text in senders.GITHUB.items() if "delivery" not in name}

    assert presented(RECIPES["github"], given(headers), senders.GITHUB_BODY).delivery_id is None
    assert refused(RECIPES["github"], given({**headers, "x-github-delivery": " "})) is (
        Reason.MISSING_ID
    )


def test_every_header_that_carries_a_signature_is_hidden() -> None:
    hidden = RECIPES["github"].hidden

    assert {"x-hub-signature", "x-hub-signature-256"} == hidden
