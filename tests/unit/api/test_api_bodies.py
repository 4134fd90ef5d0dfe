import threading
from typing import Any

import msgspec
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from wardian.api import bodies
from wardian.api.bodies import body_of, decode
from wardian.errors import InvalidArguments


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    arguments: dict[str, Any] = {}
    count: int = 0
    extra: dict[str, Any] | None = None


def refused(body: bytes) -> InvalidArguments:
    with pytest.raises(InvalidArguments) as caught:
        decode(body, Wanted)
    return caught.value


def test_a_body_becomes_a_value() -> None:
    assert decode(b'{"arguments":{"a":[1,2.5,null,"\xc3\xa4"]}}', Wanted).arguments == {
        "a": [1, 2.5, None, "ä"]
    }


def test_an_empty_body_is_an_empty_object() -> None:
    assert decode(b"", Wanted) == Wanted()


def test_an_integer_of_64_bits_keeps_every_digit() -> None:
    found = decode(b'{"arguments":{"n":18446744073709551615}}', Wanted)
    assert found.arguments["n"] == 2**64 - 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"count":NaN}',
        b'{"count":Infinity}',
        b'{"arguments":{"n":1e999}}',
        b'{"arguments":{"s":"\\ud800"}}',
        b'{"arguments":{"s":"\xff"}}',
        b'{"arguments":{}} trailing',
        b"{'arguments':{}}",
        b'{"arguments":{},}',
        b'{"arguments":{"n":' + b"1" * 5000 + b"}}",
        b"\xef\xbb\xbf{}",
        b"[]",
        b"null",
    ],
)
def test_what_is_not_strict_json_of_the_right_shape_is_refused(body: bytes) -> None:
    refused(body)


def test_an_unknown_member_is_named() -> None:
    assert refused(b'{"argument":{}}').path == "argument"


def test_a_wrong_type_is_located() -> None:
    error = refused(b'{"arguments":3}')
    assert error.path == "arguments"
    assert "object" in error.message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_endless_nesting_is_refused_and_not_a_fault(opening: bytes) -> None:
    assert "deep" in refused(b'{"arguments":{"x":' + opening * 200_000).message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"count":1,"count":2}', "count"),
        (b'{"arguments":{"a":1,"a":2}}', "arguments.a"),
        (b'{"arguments":{"a":1,"\\u0061":2}}', "arguments.a"),
        (b'{"arguments":{"\xc3\xa4":1,"\\u00e4":2}}', "arguments.ä"),
        (b'{"arguments":{"a":{"b":1,"b":1}}}', "arguments.a.b"),
        (b'{"arguments":{"a":[{"b":1,"b":1}]},"count":0}', "arguments.a[0].b"),
        (b'{"extra":{"b":1,"b":1}}', "extra.b"),
        (b'{"extra":{"a":{"b":1,"b":1}},"arguments":{}}', "extra.a.b"),
    ],
)
def test_a_member_that_stands_twice_is_refused(body: bytes, path: str) -> None:
    assert refused(body).path == path


@pytest.mark.parametrize(
    "body",
    [
        b'{"arguments":{"a":{"a":1},"b":"\\"a\\""}}',
        b'{"arguments":{"arguments":"arguments"},"count":1}',
    ],
)
def test_a_name_that_only_seems_to_stand_twice_is_accepted(body: bytes) -> None:
    decode(body, Wanted)


def test_a_plain_object_is_checked_too() -> None:
    with pytest.raises(InvalidArguments):
        decode(b'{"a":1,"a":2}', dict[str, Any])


def test_a_body_of_40_000_names_is_decoded() -> None:
    members = {f"name-{number:06}": number for number in range(40_000)}
    body = msgspec.json.encode({"arguments": members})
    assert decode(body, Wanted).arguments == members
    assert refused(body[:-2] + b',"name-000007":1}}').path == "arguments.name-000007"


def request_with(body: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "headers": []}, receive)


@pytest.mark.anyio
@pytest.mark.parametrize(("size", "elsewhere"), [(1024, False), (300 * 1024, True)])
async def test_a_large_body_is_parsed_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, size: int, elsewhere: bool
) -> None:
    threads = []

    def noting(body: bytes, kind: type[Wanted]) -> Wanted:
        threads.append(threading.current_thread())
        return decode(body, kind)

    monkeypatch.setattr(bodies, "decode", noting)
    body = b'{"arguments":{"text":"' + b"x" * size + b'"}}'
    assert len((await body_of(request_with(body), Wanted)).arguments["text"]) == size
    assert (threads[0] is not threading.main_thread()) == elsewhere
    with pytest.raises(InvalidArguments):
        await body_of(request_with(body + b"}"), Wanted)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/merge-patch+json", True),
        ("application/x-www-form-urlencoded", True),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=latin-1", False),
        ("application/xml", False),
        ("text/plain", False),
        ("multipart/form-data; boundary=x", False),
        ("json", False),
        ("application/jsonp", False),
    ],
)
async def test_what_says_that_it_is_no_json_is_not_read_as_json(
    kind: str | None, taken: bool
) -> None:
    request = request_with(b'{"count":3}')
    if kind is not None:
        request.scope["headers"] = [(b"content-type", kind.encode())]
    if taken:
        assert (await body_of(request, Wanted)).count == 3
        return
    with pytest.raises(HTTPException) as caught:
        await body_of(request, Wanted)
    assert caught.value.status_code == 415
