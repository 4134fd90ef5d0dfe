"""Which calls are equal: what of a call could make a plugin answer otherwise.

A key has everything that the plugin could see, and everything that decides what it may do:

* the function and the arguments, in one form; and what the plugin *is* on this host: installation,
  package, configuration, grants, level (`stamp`);
* if it imports ``context``: who calls;
* if it may do anything that takes a permission and another plugin calls it: the rights of each
  plugin of the chain, because it has no more than these;
* if it may call others: the scopes of the key that all began with, because they may ask for some.

What differs from call to call (its id, its correlation id, how much of the budget is left) is in no
key; a function that answers by these cannot be kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from wardian.capabilities import CallContext
from wardian.plugins import Installed
from wardian.policy.grants import Authority
from wardian.runtime.calls import CallRequest
from wardian.runtime.sinks import is_longer
from wardian.storage.documents import dump_json

ARGUMENT_BYTES_MAX = 64 * 1024
"""Calls with more of arguments than this are not kept: to tell them apart would cost too much."""

HARMLESS_LIMITS = frozenset(("wall_seconds", "fuel", "memory_bytes"))
"""Limits that may make a call fail, and never make it answer otherwise."""

_PACKAGE = "wardian:plugin/"
_FREE = frozenset(("context", "logging", "config", "metrics", "answering"))
_ONWARD = frozenset(("plugins", "agents"))

# MessagePack tells true, 1, 1.0, "1" and the bytes of "1" apart, and knows NaN; JSON does not.
_encode = msgspec.msgpack.Encoder(order="sorted").encode

_UNKNOWN: frozenset[Any] = frozenset()
_WIDE = frozenset(("integer", "string"))
_DIGITS = re.compile(r"-?[0-9]{1,19}", re.ASCII)

_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)


def stamp_of(plugin: Installed, authority: Authority, configuration: Mapping[str, Any]) -> bytes:
    """Return what a plugin is on this host now, in a few bytes."""
    return _digest(
        _encode(
            [
                plugin.tenant,
                plugin.id,
                plugin.package_digest,
                _rights(authority),
                dump_json(configuration),
            ]
        )
    )


class Keys:
    """Makes the keys of one function's calls."""

    def __init__(self, plugin: Installed, function: str, stamp: bytes) -> None:
        imported = {
            name.removeprefix(_PACKAGE).partition("@")[0]
            for name in plugin.description.imports
            if name.startswith(_PACKAGE)
        }
        self._base = [stamp, function]
        self._sees_caller = "context" in imported
        self._has_rights = bool(imported - _FREE)
        self._calls_others = bool(imported & _ONWARD)
        parameters = plugin.description.functions[function].parameters
        self._types = {
            name: _types(schema) for name, schema in parameters.get("properties", {}).items()
        }

    def of(self, request: CallRequest) -> bytes | None:
        """Return the key of a call; None if its answer is neither to be kept nor found."""
        if request.limits and not HARMLESS_LIMITS.issuperset(request.limits):
            return None
        arguments = request.arguments
        if is_longer(arguments, ARGUMENT_BYTES_MAX):
            return None
        try:
            typed = {name: self._typed(name, value) for name, value in arguments.items()}
            return _digest(_encode([*self._base, typed, *self._beside(request)]))
        except _UNENCODABLE:  # the call itself says what is wrong with them
            return None

    def _typed(self, name: str, value: Any) -> Any:
        """Return an argument as its type has it: a float, or a 64-bit integer, which may come as
        text; what it is not is left for the call to say."""
        types = self._types.get(name, _UNKNOWN)
        if type(value) is int and "number" in types:
            exact = float(value)
            return exact if exact == value else value
        if type(value) is str and types == _WIDE and _DIGITS.fullmatch(value):
            return int(value)
        return value

    def _beside(self, request: CallRequest) -> list[Any]:
        caller = request.caller
        return [
            request.subject if self._sees_caller else None,
            _chain(caller) if caller is not None and self._has_rights else None,
            sorted(request.scopes) if request.scopes is not None and self._calls_others else None,
        ]


def _types(schema: Any) -> frozenset[Any]:
    """Return the JSON types that a schema names; nothing where it is not as simple as that."""
    if not isinstance(schema, dict):
        return _UNKNOWN
    return frozenset(each.get("type") for each in (schema, *schema.get("anyOf", ()))) - {None}


def _chain(caller: CallContext) -> list[Any]:
    return [[call.facts.plugin_id, _rights(call.authority)] for call in caller.line()]


def _rights(authority: Authority) -> list[Any]:
    return [
        authority.level.value,
        sorted(map(str, authority.asked)),
        sorted(map(str, authority.granted)),
        sorted(map(str, authority.excluded)),
    ]


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=32).digest()
