"""How else a secret may be written, and how that is read back: the one owner of forms.

Two ways together. What stands in a text as percent-encoding, JSON escapes or HTML references is
decoded, as often as `ROUNDS`, so that encodings of a part of the secret are found too; for all the
rest there is a pattern. Letter case and line breaks are taken out of both, which covers every mix
of cases and texts that were wrapped.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from urllib.parse import quote

SHORTEST_CHARS = 6
"""Shorter secrets are not looked for: every text has them by chance."""

ROUNDS = 3
"""How many encodings around each other are decoded, such as JSON within a query within JSON."""

ESCAPE_BYTES_MAX = 12
"""No escape is longer."""

BREAKS = b"\r\n"

_FOLDED = bytes(range(256)).lower()
_HEX_DIGITS = "0123456789abcdefABCDEF"
_SIMPLE = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9}
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

ESCAPE = re.compile(
    rb"%[0-9a-fA-F]{2}"
    rb"|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"
    rb"|x[0-9a-fA-F]{2}|[\"'\\/bfnrt])"
    rb"|&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|amp|lt|gt|quot|apos);"
)

_PEM = re.compile(r"-----BEGIN [^-]+-----([^-]+)-----END")


@dataclass(frozen=True, slots=True)
class Form:
    """A secret as it may stand in a text that was folded by `folded`.

    Attributes:
        before, after: whether the character there has some bits of the secret, too.
    """

    pattern: bytes
    before: bool = False
    after: bool = False


def folded(raw: bytes) -> bytes:
    """Return ``raw`` in which letter case and line breaks make no difference any more."""
    return raw.translate(_FOLDED, BREAKS)


def decoded(raw: bytes) -> bytes | None:
    """Decode every escape once; None if there is none."""
    if b"%" not in raw and b"\\" not in raw and b"&" not in raw:
        return None
    found, count = ESCAPE.subn(escaped_value, raw)
    return found if count else None


def escaped_value(escape: re.Match[bytes]) -> bytes:
    """Return what one match of `ESCAPE` stands for."""
    value = _SHORT_ESCAPES.get(escape[0])
    return _long_escape(escape[0].decode()) if value is None else value


def forms_of(secret: str | bytes) -> Iterator[Form]:
    """Write a secret in every form that decoding does not undo; none twice.

    One that is too short has none.
    """
    seen: set[bytes] = set()
    if len(secret) < SHORTEST_CHARS:
        return
    for form in _all_forms(secret):
        pattern = folded(form.pattern)
        if len(pattern) >= SHORTEST_CHARS and pattern not in seen:
            seen.add(pattern)
            yield Form(pattern, form.before, form.after)


def _all_forms(secret: str | bytes) -> Iterator[Form]:
    raw = secret if isinstance(secret, bytes) else _encoded(secret)
    yield Form(raw)
    if isinstance(secret, str):
        for text in _texts(secret):
            yield Form(_encoded(text))
    yield Form(raw.hex().encode())
    yield Form(quote(raw, safe="").encode())
    for offset, alphabet in product(range(3), (None, b"-_")):
        yield _base64_form(raw, offset, alphabet)


def _texts(secret: str) -> Iterator[str]:
    # Folding knows the letters of ASCII only, so cases of the others are written out.
    for each in (secret, secret[::-1]):
        yield from (each, each.swapcase(), each.upper(), each.lower())
    yield secret.replace(" ", "+")
    # Decoding finds these as well, unless what stands before them looks like part of an escape.
    yield quote(secret, safe="/", errors="surrogatepass")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    body = _PEM.search(secret)
    if body is not None:
        yield body[1].strip()


def _base64_form(raw: bytes, offset: int, alphabet: bytes | None) -> Form:
    """Write bytes as they stand within longer base64, ``offset`` bytes after a group of three.

    The characters at the edges that depend on the neighbours as well are left out.
    """
    whole = base64.b64encode(b"\0" * offset + raw, alphabet)
    first = -(-offset * 8 // 6)
    last = (offset + len(raw)) * 8 // 6
    return Form(whole[first:last], before=offset > 0, after=(offset + len(raw)) % 3 > 0)


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _short_escapes() -> dict[bytes, bytes]:
    found = {
        (lead + first + second).encode(): bytes([int(first + second, 16)])
        for lead in ("%", "\\x")
        for first, second in product(_HEX_DIGITS, repeat=2)
    }
    found |= {f"\\{each}".encode(): each.encode() for each in "\"'\\/"}
    found |= {f"\\{letter}".encode(): bytes([value]) for letter, value in _SIMPLE.items()}
    return found | {f"&{name};".encode(): value.encode() for name, value in _NAMED.items()}


def _long_escape(escape: str) -> bytes:
    if escape.startswith("\\u"):
        units = bytes.fromhex(escape.replace("\\u", ""))
        return units.decode("utf-16-be", "surrogatepass").encode(errors="surrogatepass")
    digits = escape[2:-1]
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return chr(number).encode(errors="surrogatepass") if number <= 0x10FFFF else escape.encode()


_SHORT_ESCAPES = _short_escapes()
