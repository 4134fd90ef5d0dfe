"""Plugins that call each other, in chains as long as a test likes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from guests import guest
from packages import package
from wardian.policy.levels import Level

ASKING = """
sandbox_level = "{level}"
capabilities = {offers}

[[permissions]]
permission = "plugins:call:*"
reason = "Calls whoever it is told to."

[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."
"""


def relay(
    name: str,
    *offers: str,
    level: Level = Level.RESTRICTED,
    version: str = "1.0.0",
    wasm: bytes | None = None,
    more: str = "",
) -> bytes:
    """A package of the guest `relay`; it offers its own name unless others are given."""
    lines = ASKING.format(level=level, offers=json.dumps(offers or [name])) + more
    return package(name, wasm or guest("relay"), lines, version)


def asking(
    capability: str, function: str = "echo", version: str = "*", /, **arguments: Any
) -> dict[str, str]:
    """The arguments with which `relay` calls a function of whoever offers a capability."""
    return {
        "capability": capability,
        "version": version,
        "function": function,
        "arguments": json.dumps(arguments),
    }


def along(names: Sequence[str], function: str = "echo", /, **arguments: Any) -> dict[str, str]:
    """The arguments with which `relay` has each of ``names`` call the next, and the last one
    answer."""
    first, *others = names
    if not others:
        return asking(first, function, **arguments)
    return asking(first, "relay", **along(others, function, **arguments))


def answer_of(reply: Any, hops: int = 1) -> Any:
    """What the last of so many plugins answered, by what the first was told."""
    for _ in range(hops):
        assert reply["tag"] == "ok", reply
        reply = json.loads(reply["val"])
    return reply
