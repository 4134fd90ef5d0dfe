"""Secrets are found by their names, by a schema and by their looks, and then everywhere."""

from __future__ import annotations

import base64
import json
import math
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from wardian.policy.redaction import MARKER, Redaction, TooMuch
from wardian.policy.secret_names import SECRET_WORDS, is_secret_name

CANARY = "canary-7f3a9c"


def redacted(value: Any, **options: Any) -> Any:
    redaction = Redaction(**options)
    return redaction.scrub(redaction.clean(value))


@pytest.mark.parametrize("word", sorted(SECRET_WORDS))
def test_a_word_of_the_table_makes_a_name_secret_however_it_is_written(word: str) -> None:
    for name in (word, word.upper(), f"my-{word}", f"MY_{word.upper()}2", f"{word}s", f"x.{word}"):
        assert is_secret_name(name), name


@pytest.mark.parametrize(
    "name",
    [
        *("apiKey", "APIKey", "X-Api-Key", "api_key", "API-KEY", "private_key", "sessionID"),
        *("dbpassword", "DB_PASSWORD", "passWord", "clientSecret", "oauthToken", "authTokens"),
        *("Set-Cookie", "Proxy-Authorization"),
    ],
)
def test_names_are_read_in_words(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["author", "key", "keyboard", "tokenizer", "spinner", "passenger", "", "id", "côté"]
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "value",
    [
        {"password": CANARY},
        {"user": {"name": "eve", "api-key": CANARY}},
        {"secret": {"deep": [{"anything": CANARY}]}},
        {"tokens": [CANARY, CANARY]},
        [["Accept", "text/html"], ["Authorization", f"Bearer {CANARY}"]],
        [("x-api-key", CANARY)],
        {"headers": [{"name": "Cookie", "value": CANARY, "secure": True}]},
        {"tag": "password", "val": CANARY},
        {"secret": {"tag": "some", "val": CANARY}},
        {"key": "db-password", "expected": CANARY, "value": CANARY},
        {"private-key": CANARY.encode()},
        {"body": json.dumps({"password": CANARY, "user": "eve"})},
        {"body": json.dumps([{"inner": json.dumps({"token": CANARY})}]).encode()},
        f"https://api.example/v1?user=eve&access_token={CANARY}&page=2",
        f"https://eve:{CANARY}@example.test/",
        f"sent with Authorization: Bearer {CANARY}",
        f"Cookie: session={CANARY}; theme=dark\r\nHost: x",
        f"password='{CANARY} and more' in a log",
        f'{{"password": "{CANARY}", "cut off',
        f"took Bearer {CANARY} as it was",
        b"user=eve&password=" + CANARY.encode(),
        f"eyJ{CANARY}abc.eyJ{CANARY}abc.sig",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY.replace('-', '')}\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_is_taken_out_wherever_it_has_a_name_or_the_looks_of_one(value: Any) -> None:
    found = msgspec.json.encode(redacted(value))

    assert CANARY.encode() not in found
    assert CANARY.replace("-", "").encode() not in found
    assert base64.b64encode(CANARY.encode()) not in found


@pytest.mark.parametrize(
    "elsewhere",
    [
        CANARY,
        f"the words {CANARY} in a text",
        CANARY.encode(),
        {"note": [f"{CANARY}{CANARY}"]},
        quote(f"{CANARY}/ü", safe=""),
        json.dumps({"plain": f'{CANARY}"'}),
        base64.b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_secret_that_was_found_is_taken_out_of_everything_else(elsewhere: Any) -> None:
    found = msgspec.json.encode(redacted({"password": CANARY, "more": elsewhere}))

    assert CANARY.encode() not in found
    assert base64.b64encode(CANARY.encode()).rstrip(b"=") not in found


def test_secret_bytes_that_are_no_text_are_found_too() -> None:
    key = bytes(range(200, 232))

    found = redacted({"private-key": key, "sent": b"<" + key + b">", "text": base64_text(key)})

    assert found["sent"] == b"<" + MARKER.encode() + b">"
    assert base64_text(key) not in found["text"]


def base64_text(content: bytes) -> str:
    return base64.b64encode(content).decode().rstrip("=")


def test_a_secret_number_becomes_0_also_elsewhere_and_in_texts() -> None:
    value = {"pin": 4711123, "echoed": [4711123, 1], "said": "it is 4711123", "otp": 2.5}

    assert redacted(value) == {"pin": 0, "echoed": [0, 1], "said": f"it is {MARKER}", "otp": 0.0}


def test_the_shape_stays() -> None:
    value = {
        "password": "",
        "has-password": True,
        "token": None,
        "max_tokens": 5,
        "c-pin": "x",
        "secret": {"tag": "none", "val": None},
    }

    found = redacted(value)

    assert found == {**value, "c-pin": "*"}
    assert base64.b64decode(MARKER, validate=True)


def test_cases_of_an_enumeration_are_no_secrets() -> None:
    assert redacted({"token": "bearer"}, kept=["bearer"]) == {"token": "bearer"}


def test_what_has_no_secret_stays_exactly_as_it_is() -> None:
    value = [{"a": [1, -(2**63), 2**64 - 1, -0.0, 1e300, b"\0\xff", None, True, '{"a" : 1}']}]

    found = redacted(value)

    assert msgspec.msgpack.encode(found) == msgspec.msgpack.encode(value)
    assert math.isnan(redacted([math.nan])[0])


def test_nothing_that_is_given_is_changed() -> None:
    value = {"password": CANARY, "more": [CANARY]}

    redacted(value)

    assert value == {"password": CANARY, "more": [CANARY]}


def test_short_secrets_are_not_looked_for_elsewhere() -> None:
    assert redacted({"password": "on", "switch": "on"}) == {"password": MARKER, "switch": "on"}


SCHEMA = {
    "type": "object",
    "properties": {
        "smtp": {"$ref": "#/$defs/smtp"},
        "words": {"type": "array", "items": {"format": "password"}},
        "either": {"anyOf": [{"type": "null"}, {"type": "string", "writeOnly": True}]},
    },
    "additionalProperties": {"properties": {"inner": {"writeOnly": True}}},
    "$defs": {"smtp": {"properties": {"phrase": {"type": "string", "format": "password"}}}},
}


@pytest.mark.parametrize(
    "values",
    [
        {"smtp": {"phrase": CANARY, "host": "x"}},
        {"words": ["one", CANARY]},
        {"either": CANARY},
        {"other": {"inner": {"deep": CANARY}}},
    ],
)
def test_a_schema_tells_what_is_secret(values: dict[str, Any]) -> None:
    redaction = Redaction()

    found = redaction.by_schema(SCHEMA, values)

    assert CANARY not in str(found)
    assert redaction.spreads(CANARY.encode())
    assert redaction.scrub(f"said {CANARY}") == f"said {MARKER}"


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    schema = {"$ref": "#", "anyOf": [{"$ref": "#"}, {"$ref": "#"}]}

    with pytest.raises(TooMuch):
        Redaction(values_max=1_000).by_schema(schema, {"a": 1})


@pytest.mark.parametrize(
    "value",
    [
        ["x"] * 2_000,
        {"password": [f"secret-number-{number}" for number in range(500)]},
        [[["x"] * 40] * 40],
    ],
)
def test_more_than_is_worth_the_time_is_refused(value: Any) -> None:
    with pytest.raises(TooMuch):
        Redaction(values_max=1_500).clean(value)


def test_long_texts_made_to_be_slow_are_gone_through_once() -> None:
    texts = ["a=" * 200_000, "pass" * 100_000, "://" * 100_000, "eyJ" * 100_000, "Bearer " * 50_000]

    for text in texts:
        redacted(text)
