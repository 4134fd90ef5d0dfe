"""HTTP requests through the host, as ``requests`` has them. Needs ``http:request:METHOD:URL``.

::

    response = http.get("https://api.example.org/items", params={"page": 2}, timeout=3)
    response.raise_for_status()
    items = response.json()

Every function takes the keywords of ``Options``. What the host refuses is raised as ``Denied``,
``Invalid``, ``Exhausted`` or ``Unavailable``; what a server refuses is a ``Response``, of which
``raise_for_status`` makes an ``HttpError``.

A plugin holds no secrets: ``credential`` names one that the operator stored, and the host puts it
into the request after every check. That needs ``credentials:use:NAME``, and that the credential is
bound to the origin which is asked.
"""

from datetime import timedelta
from typing import TypedDict, Unpack

from wit_world.imports import http as _host

from wardian_sdk._answered import HttpError, Response
from wardian_sdk._errors import ask
from wardian_sdk._headers import Headers
from wardian_sdk._outgoing import (
    Data,
    HeaderPairs,
    Params,
    addressed,
    body_of,
    merged,
    milliseconds,
)

__all__ = [
    "Headers",
    "HttpError",
    "Options",
    "Response",
    "Session",
    "delete",
    "get",
    "head",
    "patch",
    "post",
    "put",
    "request",
]


class Options(TypedDict, total=False):
    """The keywords of a request, all optional."""

    params: Params | None
    """Added to the address as its query. A list gives a name several times, None leaves it out."""
    headers: HeaderPairs | None
    """``host``, ``authorization`` and those of the connection are the host's to set."""
    json: object
    """The body, as JSON; None is no body."""
    data: Data | None
    """The body: bytes, text (sent as UTF-8), or a mapping or pairs, sent as a form."""
    credential: str | None
    """The name of a credential that the host puts into the request."""
    timeout: float | timedelta | None
    """Seconds; never later than the call's own deadline."""


class Session:
    """What requests to one service have in common.

    ``base_url`` comes before every address that is not absolute, ``headers`` are sent unless a
    request has others of the same name, ``credential`` and ``timeout`` hold unless a request says
    otherwise. There is nothing to close.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        headers: HeaderPairs | None = None,
        credential: str | None = None,
        timeout: float | timedelta | None = None,
    ) -> None:
        self.base_url = base_url
        self.headers = dict(merged(headers))
        self.credential = credential
        self.timeout = timeout

    def request(self, method: str, url: str, **options: Unpack[Options]) -> Response:
        """Send one request and wait for the whole response; the host follows redirects."""
        unknown = sorted(options.keys() - Options.__optional_keys__)
        if unknown:
            raise TypeError(f"a request takes no {unknown[0]!r}; see Options")
        address = addressed(self.base_url, url, options.get("params"))
        body, content_type = body_of(options.get("data"), options.get("json"))
        typed = {"content-type": content_type} if content_type else None
        answer = ask(
            _host.send,
            _host.Request(
                method=method.upper(),
                url=address,
                headers=merged(typed, self.headers, options.get("headers")),
                body=body,
                credential=options.get("credential", self.credential),
                timeout_ms=milliseconds(options.get("timeout", self.timeout)),
            ),
        )
        headers = Headers(answer.headers)
        return Response(method.upper(), address, answer.status, headers, answer.body)

    def get(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a GET request."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a HEAD request, which is answered without a body."""
        return self.request("HEAD", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a POST request."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a PUT request."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a PATCH request."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a DELETE request."""
        return self.request("DELETE", url, **options)


def request(method: str, url: str, **options: Unpack[Options]) -> Response:
    """Send one request and wait for the whole response; the host follows redirects."""
    return Session().request(method, url, **options)


def get(url: str, **options: Unpack[Options]) -> Response:
    """Send a GET request."""
    return request("GET", url, **options)


def head(url: str, **options: Unpack[Options]) -> Response:
    """Send a HEAD request, which is answered without a body."""
    return request("HEAD", url, **options)


def post(url: str, **options: Unpack[Options]) -> Response:
    """Send a POST request."""
    return request("POST", url, **options)


def put(url: str, **options: Unpack[Options]) -> Response:
    """Send a PUT request."""
    return request("PUT", url, **options)


def patch(url: str, **options: Unpack[Options]) -> Response:
    """Send a PATCH request."""
    return request("PATCH", url, **options)


def delete(url: str, **options: Unpack[Options]) -> Response:
    """Send a DELETE request."""
    return request("DELETE", url, **options)
