"""Redirects: where they lead, and what of a request goes there (RFC 9110, section 15.4)."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from wardian.egress.faults import Denied, Unavailable
from wardian.egress.headers import KEPT_ELSEWHERE, OF_BODY, Headers
from wardian.errors import InvalidArguments
from wardian.policy.outgoing import Outgoing
from wardian.policy.urls import Url, parse_url

REDIRECTS_MAX = 5

_FOLLOWED = {301, 302, 303, 307, 308}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_NOT_PRINTED = re.compile(rb"[^!-~]")


def location_of(status: int, headers: Headers) -> str | None:
    """Return where a response sends the request on, if it does.

    Raises:
        Unavailable: to several places at once.
    """
    found = {value for name, value in headers if name == "location"}
    if status not in _FOLLOWED or not found:
        return None
    if len(found) > 1:
        raise Unavailable("The response redirects to several addresses at once.")
    return found.pop()


def next_request(outgoing: Outgoing, status: int, location: str) -> Outgoing:
    """Return the request that a redirect asks for; it is still to be judged.

    Raises:
        Denied: it would leave TLS.
        Unavailable: where it leads is no address for a request.
    """
    url = _target(outgoing.url, location)
    if outgoing.url.scheme == "https" and url.scheme == "http":
        raise Denied(
            f"A redirect from {outgoing.url.origin} to {url.origin} is refused: it leaves TLS."
        )
    headers = outgoing.headers
    if url.origin != outgoing.url.origin:
        headers = tuple(each for each in headers if each[0] in KEPT_ELSEWHERE)
    if _becomes_get(outgoing.method, status):
        headers = tuple(each for each in headers if each[0] not in OF_BODY)
        return Outgoing(method="GET", url=url, headers=headers)
    return replace(outgoing, url=url, headers=headers)


def _becomes_get(method: str, status: int) -> bool:
    if status == 303:
        return method not in ("GET", "HEAD")
    return status in (301, 302) and method == "POST"


def _target(base: Url, location: str) -> Url:
    # Servers write what browsers make good; whatever comes of it is judged in its one reading.
    sent = _NOT_PRINTED.sub(lambda found: b"%%%02X" % found[0][0], location.strip().encode())
    reference = sent.decode("ascii").partition("#")[0]
    try:
        return parse_url(reference if _SCHEME.match(reference) else urljoin(str(base), reference))
    except (InvalidArguments, ValueError) as exc:
        raise Unavailable(f"{base.origin} redirects to what is no address for a request.") from exc
