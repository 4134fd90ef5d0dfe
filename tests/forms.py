"""Forms that a secret may be written in."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus


def percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def unicode_escapes(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def within_base64(offset: int, alphabet: bytes | None = None) -> Callable[[str], str]:
    def form(text: str) -> str:
        return base64.b64encode(b"#" * offset + text.encode() + b"!" * 7, alphabet).decode()

    return form


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "swapped case": str.swapcase,
    "upper case": str.upper,
    "lower case": str.lower,
    "reversed": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 one further": within_base64(1),
    "base64 two further": within_base64(2),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "url-safe base64 one further": within_base64(1, b"-_"),
    "url-safe base64 two further": within_base64(2, b"-_"),
    "hex": lambda text: text.encode().hex(),
    "upper hex": lambda text: text.encode().hex().upper(),
    "percent": percent,
    "upper percent": lambda text: percent(text).upper(),
    "percent where it must be": lambda text: quote(text, safe=""),
    "percent of a path": quote,
    "percent of a form": quote_plus,
    "JSON in ASCII": lambda text: json.dumps(text)[1:-1],
    "JSON in Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON escapes throughout": unicode_escapes,
    "JSON with escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
    "HTML references": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "percent twice": lambda text: quote(percent(text), safe=""),
    "JSON within a query": lambda text: quote(unicode_escapes(text)),
    "JSON within JSON": lambda text: json.dumps(json.dumps(text)),
    "base64 within a query": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}
