"""Chat completions, over an API in the shape of OpenAI's, which many providers have."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from wardian_sdk import http
from wardian_sdk.http import Response

CREDENTIAL = "chat"
TOKEN_CHARS = 4
"""About as many characters as a token has, in English."""

EXCERPT_CHARS = 300
MOST_TOKENS = 1_000_000_000

_ENDING = "[DONE]"


class Failed(Exception):
    """The provider does not answer, or not as one does; ``str()`` of it is for the asker."""


@dataclass(frozen=True)
class Wanted:
    """What the model is asked."""

    model: str
    messages: list[dict[str, str]]
    max_tokens: int
    temperature: float | None
    stream: bool

    def body(self) -> dict[str, Any]:
        """Return it as the API wants it."""
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "max_tokens": self.max_tokens,
        }
        if self.temperature is not None:
            asked["temperature"] = self.temperature
        if self.stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return asked

    @property
    def characters(self) -> int:
        """How many there are in what was said."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True)
class Completion:
    """What the model said, and how many tokens it took to read what was asked and to say it."""

    text: str
    model: str
    finish_reason: str
    prompt: int
    completion: int
    is_estimated: bool


def completed(
    api_url: str, wanted: Wanted, timeout_seconds: float, tell: Callable[[str], None]
) -> Completion:
    """Have the model answer; ``tell`` hears the pieces.

    Raises ``Failed``, or what the host refuses.
    """
    response = http.post(
        f"{api_url}/chat/completions",
        json=wanted.body(),
        credential=CREDENTIAL,
        timeout=timeout_seconds,
    )
    if not response.ok:
        raise Failed(_why(response))
    try:
        if "text/event-stream" in response.headers.get("content-type", ""):
            return _of_pieces(list(_events(response)), wanted, tell)
        return _whole(response.json(), wanted)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
        raise Failed(f"the provider's answer has another shape: {_short(repr(fault))}") from None


def _why(response: Response) -> str:
    """Say why the provider does not answer, with its own words where it has some."""
    status = response.status_code
    if status in (401, 403):
        # Its words may have a part of the key in them, which is nobody's business.
        return f"the provider does not take the credential '{CREDENTIAL}' ({status})"
    words = _words(response)
    told = f": {words}" if words else ""
    if status == 429:
        after = response.headers.get("retry-after")
        when = f", and again in {_short(after)} s" if after else ""
        return f"the provider takes no more questions for now{when}{told}"
    if status >= 500:
        return f"the provider is not well ({status}){told}"
    return f"the provider refuses the question ({status}){told}"


def _words(response: Response) -> str:
    try:
        return _short(str(response.json()["error"]["message"]))
    except (KeyError, TypeError, ValueError):
        return ""


def _events(response: Response) -> Iterator[dict[str, Any]]:
    """Go through the objects of a stream of events; one that breaks off is refused."""
    for line in response.text.splitlines():
        kind, _, rest = line.partition(":")
        if kind != "data":
            continue
        if rest.strip() == _ENDING:
            return
        yield json.loads(rest)
    raise ValueError("the stream ends in the middle")


def _of_pieces(
    events: list[dict[str, Any]], wanted: Wanted, tell: Callable[[str], None]
) -> Completion:
    text: list[str] = []
    reason, model, usage = "", wanted.model, None
    for event in events:
        if "error" in event:
            raise Failed(f"the provider broke off: {_short(str(event['error']))}")
        model = event.get("model") or model
        usage = event.get("usage") or usage
        for choice in event.get("choices", [])[:1]:
            piece = choice["delta"].get("content") or ""
            reason = choice.get("finish_reason") or reason
            if piece:
                tell(piece)
                text.append(piece)
    return _completion("".join(text), model, reason, usage, wanted)


def _whole(answer: dict[str, Any], wanted: Wanted) -> Completion:
    choice = answer["choices"][0]
    text = choice["message"].get("content") or ""
    reason = choice.get("finish_reason") or ""
    return _completion(text, answer.get("model", wanted.model), reason, answer.get("usage"), wanted)


def _completion(
    text: str, model: str, reason: str, usage: dict[str, Any] | None, wanted: Wanted
) -> Completion:
    if usage is None:
        prompt, completion = _estimated(wanted.characters), _estimated(len(text))
    else:
        prompt, completion = _count(usage["prompt_tokens"]), _count(usage["completion_tokens"])
    return Completion(text, _short(str(model)), _short(reason), prompt, completion, usage is None)


def _estimated(characters: int) -> int:
    return -(-characters // TOKEN_CHARS)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_TOKENS:
        raise ValueError(f"{value!r} is no number of tokens")
    return value


def _short(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}…"
