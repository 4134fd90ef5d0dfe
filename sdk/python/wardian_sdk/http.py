"""HTTP requests through the host. Needs ``http:request:METHOD:URL-PATTERN``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wit_world.imports import http as _host

from wardian_sdk._errors import ask
from wardian_sdk._json import from_text, to_text

__all__ = ["Response", "get", "post_json", "request"]


@dataclass(frozen=True)
class Response:
    """What came back. A status of 400 or more is a response and not an exception."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not UTF-8 in it is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body read as JSON. Raises ``ValueError`` when it is not."""
        return from_text(self.body.decode("utf-8"))

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in whatever case; None when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    credential: str | None = None,
    timeout: timedelta | None = None,
) -> Response:
    """Send one request and wait for the whole response; the host follows redirects.

    ``credential`` names a credential that the host puts into the request; it needs
    ``credentials:use:NAME``. ``timeout`` is never later than the call's own deadline.
    """
    answer = ask(
        _host.send,
        _host.Request(
            method=method.upper(),
            url=url,
            headers=list((headers or {}).items()),
            body=body.encode() if isinstance(body, str) else body,
            credential=credential,
            timeout_ms=None if timeout is None else timeout // timedelta(milliseconds=1),
        ),
    )
    return Response(answer.status, answer.headers, answer.body)


def get(
    url: str, *, headers: Mapping[str, str] | None = None, credential: str | None = None
) -> Response:
    """Send a GET request."""
    return request("GET", url, headers=headers, credential=credential)


def post_json(
    url: str,
    value: object,
    *,
    headers: Mapping[str, str] | None = None,
    credential: str | None = None,
) -> Response:
    """Send ``value`` as JSON in a POST request."""
    return request(
        "POST",
        url,
        headers={"content-type": "application/json", **(headers or {})},
        body=to_text(value),
        credential=credential,
    )
