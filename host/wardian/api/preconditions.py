"""ETag, If-None-Match and If-Match (RFC 9110): read again only what changed, overwrite nothing.

Every answer in JSON to a GET has a strong ETag. Its last part is of the answer's bytes; before it
and a dot stands, for what can be changed, the state of that, without what the host itself counts.
`If-None-Match` compares all of it. `If-Match` looks at the state alone: a call that was counted
meanwhile is no change that would be overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.api.identity import header_of
from wardian.errors import InvalidArguments
from wardian.runtime.host import PluginHost
from wardian.runtime.preconditions import Precondition, expecting
from wardian.storage.revisions import Kind

_TAGS_MAX = 32
_DIGEST_BYTES = 12
_JSON = b"application/json"
_BELOW = ("/api/", "/openapi.json")
_ONE = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"{_ONE}(?:[ \t]*,[ \t]*{_ONE})*")
_KEPT = (b"cache-control", b"vary", b"content-location", b"date", b"expires", b"etag")

IfMatch = Annotated[
    str | None,
    Header(
        description="The `ETag` of what the change was made from. Where somebody has changed that "
        "since, nothing is changed and the answer is `precondition-failed`."
    ),
]


class Validators:
    """ASGI middleware: gives answers to GET an ETag, and answers 304 where the client has them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["type"] == "http" and scope["method"] == "GET"
        if not reads or not scope["path"].startswith(_BELOW):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def tagged(message: Message) -> None:
            if not held and _is_json(message):
                held.append(message)
                return
            if held and message["type"] == "http.response.body":
                start = held.pop()
                if not message.get("more_body"):
                    start, message = _validated(scope, start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, tagged)


def _is_json(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != 200:
        return False
    return (b"content-type", _JSON) in message["headers"]


def _validated(scope: Scope, start: Message, body: Message) -> tuple[Message, Message]:
    headers = [each for each in start["headers"] if each[0] != b"etag"]
    state = next((value for name, value in start["headers"] if name == b"etag"), b"")
    tag = _tag(state.decode("latin-1").strip('"'), body.get("body", b""))
    headers.append((b"etag", f'"{tag}"'.encode("latin-1")))
    offered = header_of(scope, b"if-none-match")
    if offered is None or not _has(offered, tag):
        return {**start, "headers": headers}, body
    kept = [each for each in headers if each[0] in _KEPT]
    return {**start, "status": 304, "headers": kept}, {**body, "body": b""}


def _tag(state: str, content: bytes) -> str:
    digest = hashlib.sha256(content).digest()[:_DIGEST_BYTES]
    text = base64.urlsafe_b64encode(digest).decode()
    return f"{state}.{text}" if state else text


def _has(offered: str, tag: str) -> bool:
    # Weak comparison; what is no list of tags has none, and the answer is the whole one.
    return offered.strip() == "*" or any(found[2] == tag for found in _TAG.finditer(offered))


async def tag_of(host: PluginHost, tenant: str, kind: Kind, **subject: str) -> Mapping[str, str]:
    """Return the header with the state of a thing, to be read before the thing itself is."""
    return {"ETag": f'"{await host.revisions.of(tenant, kind, **subject)}"'}


def states_of(if_match: str) -> list[str] | None:
    """Return the states that an ``If-Match`` names; None where any will do.

    Raises:
        InvalidArguments: it is no list of strong tags.
    """
    text = if_match.strip()
    if text == "*":
        return None
    found = _TAG.findall(text)
    if not _LIST.fullmatch(text) or len(found) > _TAGS_MAX:
        raise InvalidArguments(
            'If-Match takes the ETag of what is to be changed, such as "a1b2", up to '
            f"{_TAGS_MAX} of them, or *.",
            path="header.If-Match",
        )
    # By the strong comparison that If-Match asks for, a weak tag is equal to none.
    return [tag.partition(".")[0] for weak, tag in found if not weak]


def _matching(
    kind: Kind, subject: Callable[[Request], dict[str, str]]
) -> Callable[..., AsyncIterator[None]]:
    async def matched(request: Request, if_match: IfMatch = None) -> AsyncIterator[None]:
        states = None if if_match is None else states_of(if_match)
        if states is None:
            yield
            return
        with expecting(Precondition(kind, subject(request), states)):
            yield

    return matched


def _named(parameter: str, called: str = "of_name") -> Callable[[Request], dict[str, str]]:
    return lambda request: {called: request.path_params[parameter]}


def _schedule(request: Request) -> dict[str, str]:
    return {
        "of_plugin": request.path_params["plugin"],
        "of_name": request.path_params["name"],
    }


def _credential(request: Request) -> dict[str, str]:
    return {
        "of_name": request.path_params["name"],
        "of_owner": request.query_params.get("plugin", ""),
    }


def _nothing(request: Request) -> dict[str, str]:
    return {}


PluginMatch = Annotated[None, Depends(_matching(Kind.PLUGIN, _named("name")))]
PublisherMatch = Annotated[None, Depends(_matching(Kind.PUBLISHER, _named("name")))]
EndpointMatch = Annotated[None, Depends(_matching(Kind.ENDPOINT, _named("endpoint_id", "of_id")))]
KeysMatch = Annotated[None, Depends(_matching(Kind.KEYS, _nothing))]
ScheduleMatch = Annotated[None, Depends(_matching(Kind.SCHEDULE, _schedule))]
CredentialMatch = Annotated[None, Depends(_matching(Kind.CREDENTIAL, _credential))]
TrustPolicyMatch = Annotated[None, Depends(_matching(Kind.TRUST_POLICY, _nothing))]
AgentMatch = Annotated[None, Depends(_matching(Kind.AGENT, _named("name")))]
AgentTrialMatch = Annotated[None, Depends(_matching(Kind.AGENT_TRIAL, _named("name")))]
AgentRulesMatch = Annotated[None, Depends(_matching(Kind.AGENT_RULES, _nothing))]
AgentBudgetsMatch = Annotated[None, Depends(_matching(Kind.AGENT_BUDGETS, _nothing))]
