"""The names of tools: each function has one, which stays the same for as long as it exists.

Clients take letters, digits, dashes and underscores, and most of them 64 at most. So `divide` of
`calculator` is `calculator__divide`. A nested function, or one whose name would be too long, has a
digest of its full name at the end: `calc__ops__add_1f3a9c2e47b0`.
"""

from __future__ import annotations

import re

from wardian.crypto.digests import sha256_hex

NAME_CHARS_MAX = 64
BETWEEN = "__"

_DIGEST_CHARS = 12
_UNUSUAL = re.compile(r"[^A-Za-z0-9-]+")
_PATH = re.compile(r"[@#].*", re.DOTALL)


def tool_name(plugin: str, function: str) -> str:
    """Return the name of the tool for a function, given its full name.

    No two functions of a tenant have the same one, but for what a digest of 48 bits leaves to
    chance: a plain name has no underscore behind `BETWEEN`, and one with a digest has.
    """
    plain = f"{plugin}{BETWEEN}{function}"
    if len(plain) <= NAME_CHARS_MAX and not _UNUSUAL.search(function):
        return plain
    digest = sha256_hex(f"{plugin}\0{function}".encode())[:_DIGEST_CHARS]
    readable = f"{plugin}{BETWEEN}{_readable(function)}"
    return f"{readable[: NAME_CHARS_MAX - 1 - _DIGEST_CHARS]}_{digest}"


def plugin_of(tool: str) -> str | None:
    """Return the plugin that a tool with such a name is of, unless its name was cut short."""
    plugin, between, _ = tool.partition(BETWEEN)
    return plugin if between else None


def _readable(function: str) -> str:
    """The interface's own name and the function's: `ops__add`."""
    path, _, bare = function.rpartition("#")
    interface = _PATH.sub("", path).rpartition("/")[2]
    parts = [_UNUSUAL.sub("-", part) for part in (interface, bare) if part]
    return BETWEEN.join(parts)
