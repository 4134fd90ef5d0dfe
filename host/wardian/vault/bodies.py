"""A member added to a JSON body, by a pointer (RFC 6901); all else stays as it was written."""

from __future__ import annotations

import re

import msgspec

from wardian.errors import InvalidArguments

_DEPTH_MAX = 32
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_arrays = msgspec.json.Decoder(list[msgspec.Raw])


def with_member(body: bytes | None, pointer: str, text: str) -> bytes:
    """Return ``body`` with a text as a new member of one of its objects.

    Of members that stand twice on the way there, the last is kept alone: nobody can read the body
    in two ways afterwards.

    Raises:
        InvalidArguments: the body is no JSON, or has no such object, or the member is there.
    """
    steps = [_unescaped(step) for step in pointer.split("/")[1:]]
    if len(steps) > _DEPTH_MAX:
        raise InvalidArguments(f"A pointer has at most {_DEPTH_MAX} steps.")
    try:
        msgspec.json.decode(body or b"")  # all of it, because members are passed on as they are
        return _added(msgspec.Raw(body or b""), steps, pointer, text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        raise InvalidArguments(
            f"The credential goes into the body at {pointer!r}, and this body is no JSON with an "
            "object there."
        ) from exc


def _added(raw: msgspec.Raw, steps: list[str], pointer: str, text: str) -> bytes:
    step, *rest = steps
    if rest and bytes(raw).lstrip()[:1] == b"[":
        items = _arrays.decode(raw)
        number = _index(step, len(items), pointer)
        items[number] = msgspec.Raw(_added(items[number], rest, pointer, text))
        return msgspec.json.encode(items)
    members = _objects.decode(raw)
    if not rest:
        if step in members:
            raise InvalidArguments(
                f"The body has a member at {pointer!r} already, which the credential sets: leave "
                "it out."
            )
        members[step] = msgspec.Raw(msgspec.json.encode(text))
    elif step not in members:
        raise InvalidArguments(f"The body has nothing at {step!r}, on the way to {pointer!r}.")
    else:
        members[step] = msgspec.Raw(_added(members[step], rest, pointer, text))
    return msgspec.json.encode(members)


def _index(step: str, length: int, pointer: str) -> int:
    if _INDEX.fullmatch(step) and int(step) < length:
        return int(step)
    raise InvalidArguments(f"The body has no item {step[:64]!r}, on the way to {pointer!r}.")


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
