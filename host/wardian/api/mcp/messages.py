"""What clients send, parsed strictly, and what they are answered: JSON-RPC 2.0.

https://www.jsonrpc.org/specification, as far as MCP uses it: one object in a request, whose id is
a text or an integer; no batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, RequestId
from msgspec import UNSET, Meta, Raw, UnsetType

from wardian.api.bodies import decode
from wardian.api.strict import repeated_member
from wardian.errors import InvalidArguments

DEPTH_MAX = 128
"""How deep a message may nest: far beyond what a WIT type does."""

_LARGE = 64 * 1024
_ID_MAX = 2**63 - 1

_Id = Annotated[int, Meta(ge=-_ID_MAX, le=_ID_MAX)] | Annotated[str, Meta(max_length=128)]


class Fault(Exception):
    """A message that cannot be answered but with this error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = ErrorData(code=code, message=message, data=data)


class Message(msgspec.Struct, kw_only=True):
    """A request, a notification (without ``id``) or a response (without ``method``)."""

    jsonrpc: Literal["2.0"]
    method: Annotated[str, Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    id: _Id | UnsetType | None = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def meta(self) -> Mapping[str, Any]:
        """What is said about the message, and not in it."""
        found = {} if self.params is UNSET else self.params.get("_meta")
        return found if isinstance(found, dict) else {}


class _Arguments(msgspec.Struct):
    arguments: Raw = Raw(b"{}")


class _Call(msgspec.Struct):
    params: _Arguments


async def parse(body: bytes) -> Message:
    """Parse a request's body, a large one in a thread.

    Raises:
        Fault: it is not JSON, or no message; nests too deep, or has a name twice.
    """
    return await asyncio.to_thread(_parse, body) if len(body) > _LARGE else _parse(body)


def _parse(body: bytes) -> Message:
    try:
        message = decode(body, Message)
    except InvalidArguments as error:
        raise Fault(_code_of(error), error.message) from error
    if message.method is not UNSET and message.id is None:
        raise Fault(INVALID_REQUEST, "The message's id is null; MCP takes a text or an integer.")
    if message.method is UNSET and message.result is UNSET and message.error is UNSET:
        raise Fault(INVALID_REQUEST, "The message has no method.")
    _check_depth(body, message)
    _check_arguments(body, message)
    return message


def _code_of(error: InvalidArguments) -> int:
    is_json = error.__cause__ is None or isinstance(error.__cause__, msgspec.ValidationError)
    return INVALID_REQUEST if is_json else PARSE_ERROR


def _check_depth(body: bytes, message: Message) -> None:
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX or message.params is UNSET:
        return
    level: list[Any] = [message.params]
    for _ in range(DEPTH_MAX):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise Fault(INVALID_REQUEST, f"The message nests more than {DEPTH_MAX} levels deep.")


def _inside(value: Any) -> Iterator[Any]:
    values = value.values() if isinstance(value, dict) else value
    return (each for each in values if isinstance(each, dict | list))


def _check_arguments(body: bytes, message: Message) -> None:
    """Refuse arguments in which a name stands twice, as every call does."""
    arguments = {} if message.params is UNSET else message.params.get("arguments")
    if message.method != "tools/call" or not isinstance(arguments, dict) or not arguments:
        return
    text = msgspec.json.decode(body, type=_Call).params.arguments
    path = repeated_member(bytes(text), arguments)
    if path is not None:
        raise Fault(INVALID_REQUEST, f"The arguments have the member {path[:200]!r} twice.")


def encoded_answer(request_id: RequestId | None, result: Mapping[str, Any]) -> bytes:
    """Encode the answer to a request."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encoded_error(request_id: RequestId | None, error: ErrorData) -> bytes:
    """Encode an error; without an id where the request's could not be read."""
    shown = error.model_dump(mode="json", exclude_none=True)
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "error": shown})


def encoded_notification(method: str, params: Mapping[str, Any] | None) -> bytes:
    """Encode what a client is told without having asked."""
    told = {"jsonrpc": "2.0", "method": method}
    return msgspec.json.encode(told if params is None else {**told, "params": params})
