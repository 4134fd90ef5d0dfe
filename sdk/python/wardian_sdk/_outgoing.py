"""What a request is made of, in the shapes that authors have it in and the one the host takes."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import ceil
from typing import TypeAlias
from urllib.parse import urlencode

from wardian_sdk._errors import Invalid
from wardian_sdk._json import to_text

__all__ = ["Data", "HeaderPairs", "Params", "addressed", "body_of", "merged", "milliseconds"]

Params: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]
HeaderPairs: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
Data: TypeAlias = bytes | str | Params

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_TEXT = "text/plain; charset=utf-8"

# A call ends long before; what is more than a day asks for no more than the call has.
_LONGEST = 86_400.0


def addressed(base: str, url: str, params: Params | None) -> str:
    """Put ``url`` below ``base``, unless it is absolute, and ``params`` at its end."""
    if base and not url.lower().startswith(("http://", "https://")):
        url = f"{base.rstrip('/')}/{url.lstrip('/')}" if url else base
    if not params:
        return url
    # A fragment never travels, and would swallow the parameters.
    url = url.partition("#")[0]
    query = _encoded(params)
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def body_of(data: Data | None, json: object) -> tuple[bytes | None, str | None]:
    """Return the body and its content type.

    Raises ``Invalid`` when there are two bodies, or JSON cannot hold one.
    """
    if json is not None and data is not None:
        raise Invalid("a request has one body: give json or data, not both")
    if json is not None:
        return to_text(json).encode(), _JSON
    if data is None or isinstance(data, bytes):
        return data, None
    if isinstance(data, str):
        return data.encode(), _TEXT
    return _encoded(data).encode(), _FORM


def merged(*layers: HeaderPairs | None) -> list[tuple[str, str]]:
    """Join headers; one of a later layer takes the place of all of its name in earlier ones."""
    headers: list[tuple[str, str]] = []
    for layer in layers:
        added = _pairs(layer)
        names = {name.lower() for name, _ in added}
        headers = [pair for pair in headers if pair[0].lower() not in names] + added
    return headers


def milliseconds(timeout: float | timedelta | None) -> int | None:
    """Return a time limit as the host takes it. Raises ``Invalid`` for one that is not positive."""
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not seconds > 0:  # so that "not a number" is none either
        raise Invalid(f"a timeout is a number of seconds above 0, not {timeout!r}")
    return ceil(min(seconds, _LONGEST) * 1000)


def _pairs(headers: HeaderPairs | None) -> list[tuple[str, str]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(str(name), str(value)) for name, value in pairs]


def _encoded(params: Params) -> str:
    pairs = params.items() if isinstance(params, Mapping) else params
    return urlencode(
        [(name, _word(each)) for name, value in pairs for each in _each(value) if each is not None]
    )


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else (value,)


def _word(value: object) -> object:
    # As most servers read them; `str(True)` would be Python's own word.
    return str(value).lower() if isinstance(value, bool) else value
