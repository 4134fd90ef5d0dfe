"""A stand-in for the services that the samples ask: not GitHub, no weather service, and no model.

It answers on this machine alone, in the shapes of three public APIs, with made-up content. The
demonstration and the tests use it, so that neither needs the internet or anybody's account::

    STAND_IN_TOKEN=some-token python sample-plugins/stand_in.py --port 8422

- ``/repos/OWNER/NAME/issues`` and below: issues, in pages, with labels and comments, as GitHub has
  them. Without ``Authorization: Bearer TOKEN`` the answer is 401.
- ``/v1/search``, ``/v1/forecast``: places and their weather, as Open-Meteo has them.
- ``/v1/chat/completions``: what a language model would say, as OpenAI has it; here a sentence
  that repeats what was asked, with as many tokens as words. It wants the token, too. A model
  called ``busy``, ``broken``, ``unknown``, ``odd`` or ``terse`` answers as its name says.
- ``/echo``: what was asked, headers included, so that a test can see what arrived.

The first line of its output is ``{"url": ...}``. It ends when its input does if told to watch that:
then it never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "example/garden"
PAGE_SIZE = 3
"""Small, so that a handful of issues are several pages; GitHub's is up to 100."""

RESETS_AT = 1_900_000_000

TITLES = [
    ("Crash when the lid is opened", "It crashes with a traceback every time."),
    ("Please add a fern view", "It would be nice to see all ferns at once."),
    ("The documentation has a typo", "In the readme: 'plnat'."),
    ("Hello", "I only wanted to say that I like it."),
    ("Error in the documentation of watering", "The example ends with an exception."),
]
"""What the issues 1, 2 … are about; the last one but one says nothing that a rule knows."""

PLACES = {
    "berlin": {"name": "Berlin", "country": "Germany", "latitude": 52.52, "longitude": 13.41},
    "quito": {"name": "Quito", "country": "Ecuador", "latitude": -0.23, "longitude": -78.52},
}
CODES = [0, 1, 3, 61, 80, 95]
DAY = "2026-06-01"


@dataclass
class Content:
    """The issues, which requests change."""

    token: str
    requests_left: int
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for number, (title, body) in enumerate(TITLES, 1):
            self.issues.append(_issue(number, title, body))
        pull = _issue(len(TITLES) + 1, "Fix the crash", "A pull request, which the list has, too.")
        self.issues.append({**pull, "pull_request": {"url": "…"}})


def _issue(number: int, title: str, body: str) -> dict[str, Any]:
    state = {"state": "open", "labels": [], "comments": 0, "user": {"login": "gardener"}}
    return {"number": number, "title": title, "body": body, **state}


class StandIn(ThreadingHTTPServer):
    """The server, with its content."""

    daemon_threads = True

    def __init__(self, port: int, content: Content) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.content = content

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    # Head and body in one piece: in two, the second waits until the first is acknowledged.
    wbufsize = -1
    server: StandIn

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer_to("GET")

    def do_POST(self) -> None:
        """Answer a POST request."""
        self._answer_to("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is inherited
        """Say nothing: the output has the address only."""

    def _answer_to(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        parts = asked.path.strip("/").split("/")
        if parts[0] == "repos":
            status, value, headers = self._issues(method, parts[1:], query, body)
        elif asked.path == "/v1/chat/completions" and method == "POST":
            status, value, headers = self._chat(body)
        else:
            status, value, headers = self._open(asked.path, query)
        self._send(status, value, headers)

    def _send(self, status: int, value: object, headers: dict[str, str]) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _open(self, path: str, query: dict[str, str]) -> tuple[int, object, dict[str, str]]:
        """What needs no token."""
        if path == "/echo":
            return 200, self._echo(), {}
        if path == "/v1/search":
            found = PLACES.get(query.get("name", "").lower())
            return 200, {"results": [found]} if found else {}, {}
        if path == "/v1/forecast":
            return _forecast(query)
        return 404, {"message": "Not Found"}, {}

    def _chat(self, body: bytes) -> tuple[int, object, dict[str, str]]:
        if self.headers.get("authorization") != f"Bearer {self.server.content.token}":
            return 401, {"error": {"message": "Incorrect API key provided: wro***"}}, {}
        return _completion(json.loads(body))

    def _echo(self) -> dict[str, object]:
        """Tell what arrived, and of a token also what a sly server would make of it."""
        token = (self.headers.get("authorization") or "").rpartition(" ")[2].encode()
        return {
            "path": self.path,
            "headers": list(self.headers.items()),
            "arrived": token.decode() == self.server.content.token,
            "made of it": [b64encode(token).decode(), token.hex(), token.decode().swapcase()],
        }

    def _issues(
        self, method: str, parts: list[str], query: dict[str, str], body: bytes
    ) -> tuple[int, object, dict[str, str]]:
        content = self.server.content
        with content.lock:
            content.requests_left -= 1
            left = max(content.requests_left, 0)
            headers = {"x-ratelimit-remaining": str(left), "x-ratelimit-reset": str(RESETS_AT)}
            if content.requests_left < 0:
                return 403, {"message": "API rate limit exceeded"}, headers
            if self.headers.get("authorization") != f"Bearer {content.token}":
                return 401, {"message": "Requires authentication"}, headers
            if "/".join(parts[:2]) != REPOSITORY or parts[2:3] != ["issues"]:
                return 404, {"message": "Not Found"}, headers
            status, value, more = _of_issues(self.server, method, parts[3:], query, body)
            return status, value, {**headers, **more}


def _of_issues(
    server: StandIn, method: str, parts: list[str], query: dict[str, str], body: bytes
) -> tuple[int, object, dict[str, str]]:
    content = server.content
    if not parts and method == "POST":
        wanted = json.loads(body)
        opened = _issue(content.issues[-1]["number"] + 1, wanted["title"], wanted["body"])
        content.issues.append(opened)
        return 201, opened, {}
    if not parts:
        return _page(server, int(query.get("page", 1)), query.get("direction", "desc"))
    issue = next((each for each in content.issues if str(each["number"]) == parts[0]), None)
    match (method, parts[1:]):
        case _ if issue is None:
            return 404, {"message": "Not Found"}, {}
        case ("GET", []):
            return 200, issue, {}
        case ("GET", ["comments"]):
            return 200, content.comments.get(issue["number"], []), {}
        case ("POST", ["labels"]):
            known = {label["name"] for label in issue["labels"]}
            wanted = [name for name in json.loads(body)["labels"] if name not in known]
            issue["labels"] += [{"name": name} for name in wanted]
            return 200, issue["labels"], {}
        case ("POST", ["comments"]):
            comment = {"body": json.loads(body)["body"], "user": {"login": "wardian"}}
            content.comments.setdefault(issue["number"], []).append(comment)
            issue["comments"] += 1
            return 201, comment, {}
    return 404, {"message": "Not Found"}, {}


def _page(server: StandIn, page: int, direction: str) -> tuple[int, object, dict[str, str]]:
    issues = server.content.issues[:: -1 if direction == "desc" else 1]
    start = (page - 1) * PAGE_SIZE
    query = f"state=open&direction={direction}&page={page + 1}"
    following = f"{server.url}/repos/{REPOSITORY}/issues?{query}"
    more = start + PAGE_SIZE < len(issues)
    headers = {"link": f'<{following}>; rel="next"'} if more else {}
    return 200, issues[start : start + PAGE_SIZE], headers


CHAT_FAULTS: dict[str, tuple[int, object, dict[str, str]]] = {
    "busy": (429, {"error": {"message": "Rate limit reached"}}, {"retry-after": "7"}),
    "broken": (503, {"error": {"message": "The engine is overloaded"}}, {}),
    "unknown": (404, {"error": {"message": "The model does not exist"}}, {}),
    "odd": (200, {"choices": []}, {}),
}
"""What models of these names answer."""


def _completion(asked: dict[str, Any]) -> tuple[int, object, dict[str, str]]:
    """Answer as a model would; ``terse`` does not tell how many tokens that took."""
    model = asked["model"]
    if model in CHAT_FAULTS:
        return CHAT_FAULTS[model]
    said = [message["content"] for message in asked["messages"]]
    words = f"This is a stand-in and no model. You said: {said[-1]}".split(" ")
    kept = words[: asked["max_tokens"]]
    reason = "stop" if kept == words else "length"
    prompt = sum(len(text.split()) for text in said)
    usage = {"prompt_tokens": prompt, "completion_tokens": len(kept)}
    about = {"id": "chatcmpl-1", "model": f"{model}-stand-in"}
    if asked.get("stream"):
        return 200, _streamed(about, kept, reason, usage), {"content-type": "text/event-stream"}
    message = {"role": "assistant", "content": " ".join(kept)}
    told = {} if model == "terse" else {"usage": usage}
    return 200, {**about, "choices": [{"message": message, "finish_reason": reason}], **told}, {}


def _streamed(about: dict[str, Any], words: list[str], reason: str, usage: dict[str, int]) -> bytes:
    """Return an answer as events, each with one word; the last has what it took."""
    spaced = [word if index == 0 else f" {word}" for index, word in enumerate(words)]
    choices = [{"delta": {"content": word}, "finish_reason": None} for word in spaced]
    choices.append({"delta": {}, "finish_reason": reason})
    events = [{**about, "choices": [choice], "usage": None} for choice in choices]
    events.append({**about, "choices": [], "usage": usage})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def _forecast(query: dict[str, str]) -> tuple[int, object, dict[str, str]]:
    try:
        latitude = float(query["latitude"])
        hours = int(query.get("forecast_hours", 24))
    except (KeyError, ValueError):
        reason = "Parameters 'latitude' and 'longitude' are required"
        return 400, {"error": True, "reason": reason}, {}
    fahrenheit = query.get("temperature_unit") == "fahrenheit"
    degrees = [round(30 - abs(latitude) / 3 + hour / 4, 1) for hour in range(hours)]
    shown = [round(each * 9 / 5 + 32, 1) for each in degrees] if fahrenheit else degrees
    value = {
        "current": {
            "time": f"{DAY}T12:00",
            "temperature_2m": shown[0],
            "relative_humidity_2m": 60,
            "wind_speed_10m": 7.5 if query.get("wind_speed_unit") == "mph" else 12.0,
            "weather_code": 61,
        },
        "hourly": {
            "time": [f"{DAY}T{hour % 24:02}:00" for hour in range(12, 12 + hours)],
            "temperature_2m": shown,
            "precipitation_probability": [hour * 10 % 101 for hour in range(hours)],
            "weather_code": [CODES[hour % len(CODES)] for hour in range(hours)],
        },
    }
    return 200, value, {}


def main() -> None:
    """Serve until told to stop, or until the input ends."""
    parser = argparse.ArgumentParser(description="A stand-in for the services the samples ask.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--requests", type=int, default=5000, help="until its rate limit is met")
    parser.add_argument("--while-input", action="store_true", help="end when the input does")
    options = parser.parse_args()
    token = os.environ.get("STAND_IN_TOKEN", "stand-in-token")
    server = StandIn(options.port, Content(token, options.requests))
    sys.stdout.write(json.dumps({"url": server.url}) + "\n")
    sys.stdout.flush()
    if options.while_input:
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
