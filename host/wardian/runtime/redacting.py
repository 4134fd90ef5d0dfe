"""Recordings without their secrets: which parts of a call have which names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from wardian.config import lookup
from wardian.errors import NotFound
from wardian.policy.leaks import Leaks
from wardian.policy.redaction import Redaction
from wardian.policy.secret_names import is_secret_name
from wardian.runtime.recorded import (
    CONFIG,
    RecordedError,
    RecordedHostCall,
    Recording,
    encode_recording,
)
from wardian.sandbox import FunctionDescription
from wardian.storage.documents import dump_json
from wardian.worlds import contract

_WHOLLY_SECRET = frozenset((("credentials", "reveal"), ("credentials", "sign")))
"""Host functions that answer with what is secret, whatever it is called."""

_KEYED = ("key", "namespace")
"""Parameters that name what is read or written: `kv.get` of ``api-token`` is answered a token, and
so is `kv-namespaces.get` of anybody in ``tokens``."""

_HELD = frozenset(("value", "expected"))
"""Parameters that are what is named by them."""


def redacted(
    recording: Recording,
    schema: Mapping[str, Any] | None,
    kept: Iterable[str] = (),
    known: Leaks | None = None,
) -> Recording:
    """Return a recording without the secrets in it.

    Args:
        schema: of the configuration.
        kept: texts that are no secrets; see `texts_of_type`.
        known: looks for the tenant's credentials.

    Raises:
        TooMuch, RecursionError: there is more in it than is worth the time.
    """
    redaction = Redaction(kept, known=known)
    cleaned = msgspec.structs.replace(
        recording,
        arguments=redaction.clean(recording.arguments),
        configuration=redaction.clean(redaction.by_schema(schema, recording.configuration)),
        configured=redaction.clean(redaction.by_schema(schema, recording.configured)),
        host_calls=[_redacted_host_call(redaction, each) for each in recording.host_calls],
        result=redaction.clean(recording.result),
        error=_changed_error(recording.error, redaction.clean),
    )
    if redaction.spreads(encode_recording(cleaned)):
        cleaned = _scrubbed(redaction, cleaned)
    return _answering_from_configuration(cleaned)


def redacted_result(
    result: Any, error: RecordedError | None, kept: Iterable[str] = ()
) -> tuple[Any, RecordedError | None]:
    """Return what came of a call as a recording of it would have it.

    Raises:
        TooMuch, RecursionError
    """
    redaction = Redaction(kept)
    result, error = redaction.clean(result), _changed_error(error, redaction.clean)
    return redaction.scrub(result), _changed_error(error, redaction.scrub)


def redacted_arguments(interface: str, function: str, arguments: list[Any]) -> list[Any]:
    """Return the arguments of a host call as a recording of it would have them.

    Raises:
        TooMuch, RecursionError
    """
    return _clean_arguments(Redaction(), (interface, function), arguments)


def configured_answer(configuration: Mapping[str, Any], function: str, arguments: list[Any]) -> Any:
    """Answer a call of the interface ``config`` from a configuration, with a WIT result."""
    try:
        found = configuration if function == "get-all" else lookup(configuration, arguments[0])
    except NotFound as error:
        return {"tag": "err", "val": {"tag": "not-found", "val": error.message}}
    return {"tag": "ok", "val": dump_json(found)}


def texts_of_type(function: FunctionDescription | None) -> frozenset[str]:
    """Return the texts that a function's type itself has: cases of enumerations, no secrets."""
    found: set[str] = set()
    pending: list[Any] = []
    if function is not None:
        pending += function.parameters, function.result, function.error
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            found |= {text for text in node.get("enum", ()) if isinstance(text, str)}
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return frozenset(found)


def _redacted_host_call(redaction: Redaction, call: RecordedHostCall) -> RecordedHostCall:
    function = call.interface, call.function
    named = dict(zip(_parameters(*function), call.arguments, strict=False))
    hidden = function in _WHOLLY_SECRET or _is_of_secret(named)
    is_answered = isinstance(call.answer, dict) and call.answer.get("tag") == "ok"
    answer: Any = call.answer
    if hidden and is_answered:
        answer = {"tag": "ok", "val": redaction.hide(call.answer.get("val"))}
    return msgspec.structs.replace(
        call,
        arguments=_clean_arguments(redaction, function, call.arguments),
        answer=redaction.clean(answer),
    )


def _is_of_secret(named: Mapping[str, Any]) -> bool:
    names = (named.get(parameter) for parameter in _KEYED)
    return any(isinstance(name, str) and is_secret_name(name) for name in names)


def _clean_arguments(
    redaction: Redaction, function: tuple[str, str], arguments: list[Any]
) -> list[Any]:
    """Clean arguments under the names of their parameters; what has none stands by itself."""
    names = _parameters(*function)[: len(arguments)]
    named = dict(zip(names, arguments, strict=False))
    if _is_of_secret(named):
        named |= {name: redaction.hide(named[name]) for name in _HELD & named.keys()}
    named = redaction.clean(named)
    return [*named.values(), *redaction.clean(arguments[len(names) :])]


def _parameters(interface: str, function: str) -> list[str]:
    known = contract().imports.get(interface, {}).get(function)
    return [] if known is None else [name for name, _ in known.type.parameters]


def _changed_error(
    error: RecordedError | None, change: Callable[[Any], Any]
) -> RecordedError | None:
    if error is None:
        return None
    return RecordedError(
        type=error.type, message=change(error.message), details=change(error.details)
    )


def _scrubbed(redaction: Redaction, recording: Recording) -> Recording:
    scrub = redaction.scrub
    return msgspec.structs.replace(
        recording,
        arguments=scrub(recording.arguments),
        configuration=scrub(recording.configuration),
        configured=scrub(recording.configured),
        host_calls=[
            msgspec.structs.replace(
                each, arguments=scrub(each.arguments), answer=scrub(each.answer)
            )
            for each in recording.host_calls
        ],
        result=scrub(recording.result),
        error=_changed_error(recording.error, scrub),
    )


def _answering_from_configuration(recording: Recording) -> Recording:
    """Have ``config`` answer what the configuration says, in which every secret is known."""
    calls = [
        msgspec.structs.replace(
            each, answer=configured_answer(recording.configuration, each.function, each.arguments)
        )
        if each.interface == CONFIG and each.answer["tag"] == "ok"
        else each
        for each in recording.host_calls
    ]
    return msgspec.structs.replace(recording, host_calls=calls)
