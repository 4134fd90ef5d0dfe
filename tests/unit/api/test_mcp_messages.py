import json

import pytest
from mcp_types import INVALID_REQUEST, PARSE_ERROR

from wardian.api.mcp.messages import DEPTH_MAX, Fault, parse

pytestmark = pytest.mark.anyio

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": %s}'


def nested(depth: int) -> bytes:
    return CALL % (b'{"name": "x", "arguments": {"a": ' + b"[" * depth + b"]" * depth + b"}}")


async def test_a_request_is_taken_with_what_it_has() -> None:
    message = await parse(CALL % b'{"name": "x", "arguments": {"a": 1}, "_meta": {"b": 2}}')

    assert (message.id, message.method) == (1, "tools/call")
    assert message.params == {"name": "x", "arguments": {"a": 1}, "_meta": {"b": 2}}


@pytest.mark.parametrize(
    "body",
    [b"{", b"nothing", b"\xff\xfe", b'{"jsonrpc": NaN}', b'{"a": 1} {"b": 2}', b"[" * 100_000],
)
async def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        await parse(body)
    assert caught.value.error.code in (PARSE_ERROR, INVALID_REQUEST)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]',
        b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": null, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": true, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 99999999999999999999, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": "%s", "method": "ping"}' % (b"x" * 200),
        b'{"jsonrpc": "2.0", "id": 1, "method": ""}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "%s"}' % (b"x" * 200),
        b'{"jsonrpc": "2.0", "id": 1}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}',
        b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}',
        CALL % b'{"name": "x", "name": "y"}',
        CALL % b'{"name": "x", "arguments": {"a": 1, "a": 2}}',
        CALL % b'{"name": "x", "arguments": {"a": 1, "\\u0061": 2}}',
        nested(DEPTH_MAX + 1),
    ],
)
async def test_what_is_no_message_is_an_invalid_request(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        await parse(body)
    assert caught.value.error.code == INVALID_REQUEST


async def test_a_response_and_a_notification_are_messages() -> None:
    notification = await parse(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')
    response = await parse(b'{"jsonrpc": "2.0", "id": 1, "result": {}}')

    assert not notification.id
    assert not response.method


async def test_wide_arguments_are_not_deep() -> None:
    wide = json.dumps({"name": "x", "arguments": {"a": [[] for _ in range(DEPTH_MAX * 2)]}})

    assert (await parse(CALL % wide.encode())).method == "tools/call"
