"""Files of recordings, which anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wardian.errors import InvalidArguments
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.recorded import (
    RecordedHostCall,
    Recording,
    encode_recording,
    read_recording,
)

ASKED = RecordedHostCall(
    interface="kv", function="get", arguments=["n"], answer={"tag": "ok", "val": None}
)


def recording(**changes: Any) -> Recording:
    values: dict[str, Any] = {
        "call_id": "c1",
        "plugin": "stores",
        "version": "1.0.0",
        "package_digest": "p",
        "component_digest": "d",
        "level": Level.RESTRICTED,
        "function": "bump",
        "arguments": {"key": "n", "by": 2**63 - 1},
        "limits": Limits(),
        "host_calls": [ASKED],
        "result": 2**64 - 1,
        "usage": Usage(),
        "recorded_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return Recording(**values | changes)


def tampered(**changes: Any) -> bytes:
    plain = msgspec.msgpack.decode(encode_recording(recording()))
    return msgspec.msgpack.encode(plain | changes)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_recording_is_read_as_it_was_written() -> None:
    assert read_recording(encode_recording(recording())) == recording()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b"not a recording",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({}),
        encode_recording(recording())[:-1],
        encode_recording(recording()) + b"\0",
        tampered(format="wardian.recording/2"),
        tampered(unknown=1),
        tampered(level="root"),
        tampered(call_id=5),
        tampered(arguments=[1]),
        tampered(arguments={1: 2}),
        tampered(arguments={"a": {1: 2}}),
        tampered(result=msgspec.msgpack.Ext(5, b"code")),
        tampered(result=datetime(2026, 1, 1, tzinfo=UTC)),
        tampered(result=nested(500)),
        tampered(host_calls=[{"interface": "kv", "function": "get", "arguments": 1, "answer": 1}]),
        tampered(host_calls=[{"interface": "kv"}]),
        tampered(error={"type": "trap"}),
        tampered(limits={"wall_seconds": -1}),
        tampered(usage={"fuel": "much"}),
        tampered(recorded_at="yesterday"),
        b"\x91" * 100_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\xa1a",
    ],
)
def test_what_is_no_recording_is_refused_and_says_so(content: bytes) -> None:
    with pytest.raises(InvalidArguments) as caught:
        read_recording(content)
    assert len(caught.value.message) < 600


def test_a_recording_that_is_too_large_is_not_even_read() -> None:
    with pytest.raises(InvalidArguments, match="larger than 100 bytes"):
        read_recording(encode_recording(recording()), bytes_max=100)


def test_more_values_than_a_call_has_are_refused() -> None:
    many = [[0] * 1_000] * 2_001

    with pytest.raises(InvalidArguments, match="too many"):
        read_recording(encode_recording(recording(result=many)))


SOUND = encode_recording(recording())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=6))
def test_a_file_with_bytes_changed_is_read_or_refused(position: int, put: bytes) -> None:
    content = SOUND[:position] + put + SOUND[position + len(put) :]
    try:
        found = read_recording(content)
    except InvalidArguments:
        return
    assert isinstance(found, Recording)
