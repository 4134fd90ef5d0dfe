"""What is asked of an endpoint, checked before anything is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardian.errors import Forbidden, InvalidArguments, NotFound
from wardian.events.topics import check_topic
from wardian.policy.urls import parse_url
from wardian.storage.endpoints import Owned
from wardian.tenants import Caller, Scope
from wardian.tenants.scopes import lacking

URL_CHARS_MAX = 2_048
TOPICS_MAX = 50
DESCRIPTION_CHARS_MAX = 1_000

NEEDED = (Scope.WEBHOOKS, Scope.READ)
"""What a key needs whose rights an endpoint has: to follow events, and to have them sent on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOrder:
    """An endpoint to register.

    Attributes:
        topics: patterns of the events that are posted to it, as streams have them.
    """

    url: str
    topics: Sequence[str]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """What of an endpoint is to be another; None stays as it is.

    Attributes:
        key_id: the API key whose rights it is to have; for administrators.
    """

    url: str | None = None
    topics: Sequence[str] | None = None
    description: str | None = None
    key_id: str | None = None


def checked_url(text: str, *, allow_http: bool) -> str:
    """Return an address in its one spelling.

    Raises:
        InvalidArguments: it is none, or is not protected by TLS.
    """
    if len(text) > URL_CHARS_MAX:
        raise InvalidArguments(f"An address has up to {URL_CHARS_MAX} characters.", path="url")
    try:
        url = parse_url(text)
    except InvalidArguments as exc:
        raise InvalidArguments(exc.message, path="url") from exc
    if url.scheme != "https" and not allow_http:
        raise InvalidArguments(
            f"{url.origin} is not https://, so anybody on the way could read the events. The "
            "operator of this host can allow it with WARDIAN_WEBHOOK_ALLOW_HTTP.",
            path="url",
        )
    return str(url)


def checked_topics(topics: Sequence[str]) -> list[str]:
    """Return patterns, each once.

    Raises:
        InvalidArguments: none, too many, or one that is neither a topic nor the beginning of some.
    """
    if not 1 <= len(topics) <= TOPICS_MAX:
        raise InvalidArguments(
            f"An endpoint takes 1 to {TOPICS_MAX} topics, such as 'orders.*'.", path="topics"
        )
    for pattern in topics:
        if pattern != "*":
            try:
                check_topic(pattern.removesuffix(".*"))
            except InvalidArguments as exc:
                raise InvalidArguments(
                    f"{exc.message} Its last word may be *, for any words.", path="topics"
                ) from exc
    return list(dict.fromkeys(topics))


def checked_description(text: str) -> str:
    """Return a description.

    Raises:
        InvalidArguments: it is too long, or has a NUL.
    """
    if len(text) > DESCRIPTION_CHARS_MAX or "\0" in text:
        raise InvalidArguments(
            f"A description has at most {DESCRIPTION_CHARS_MAX} characters.", path="description"
        )
    return text


def check_scopes(caller: Caller) -> None:
    """Check that endpoints may have the rights of a caller's key.

    Raises:
        Forbidden: the key has not the scopes that it takes.
    """
    missing = lacking(NEEDED, caller.scopes)
    if missing:
        raise Forbidden(
            f"An endpoint gets what its API key may follow: this takes a key with the scopes "
            f"{' and '.join(NEEDED)}; {caller.key_name!r} lacks {' and '.join(missing)}."
        )


def visible(found: Owned | None, endpoint_id: str, caller: Caller) -> Owned:
    """Return an endpoint to whom it is for: the key whose rights it has, or an administrator.

    Raises:
        NotFound: there is none, or none for this caller.
    """
    if found is not None and (caller.holds(Scope.ADMIN) or found.row.api_key_id == caller.key_id):
        return found
    raise NotFound(f"There is no endpoint {endpoint_id[:80]!r}.")
