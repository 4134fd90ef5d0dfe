"""The command line's side of the HTTP API."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import httpx
import msgspec

from wardian.api.identity import REQUEST_ID
from wardian.cli.environment import KEY_VARIABLE, URL_VARIABLE
from wardian.cli.failures import Failure, failure

SIGNATURE_HEADER = "Wardian-Signature"
DEFAULT_URL = "http://127.0.0.1:8420"

# The longest call a host allows takes an hour, and its answer comes at its end.
_TIMEOUT = httpx.Timeout(10.0, read=3700.0, write=60.0)

# A stream without events says every 15 seconds that it is there.
_STREAM_TIMEOUT = httpx.Timeout(10.0, read=60.0)


class Client:
    """One host, as one API key sees it. Use it through ``connect``."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http

    def get(self, path: str) -> Any:
        """GET ``path`` below ``/api/v1``."""
        return self.send("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """POST ``body`` as JSON, if there is one."""
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """PUT ``body`` as JSON."""
        return self.send("PUT", path, body)

    def delete(self, path: str) -> None:
        """DELETE ``path``."""
        self.send("DELETE", path)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send one request and return its decoded answer, None for an empty one.

        Raises:
            Failure: the host refused, or there is none.
        """
        if body is None:
            return self._exchange(method, path, headers=headers)
        content = msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._exchange(method, path, content, sent)

    def forward(self, method: str, path: str, signed: bytes) -> Any:
        """Send what somebody signed as it is."""
        return self._exchange(method, path, signed, {"Content-Type": "application/json"})

    def upload(
        self,
        path: str,
        chunks: Iterator[bytes],
        size: int,
        query: Mapping[str, Any],
        signature: bytes | None = None,
    ) -> Any:
        """POST a package of ``size`` bytes in pieces, and its signature with it."""
        headers = {"Content-Type": "application/zip", "Content-Length": str(size)}
        if signature is not None:
            headers[SIGNATURE_HEADER] = base64.b64encode(signature).decode()
        return self._exchange("POST", path, chunks, headers, query)

    def upload_files(
        self, path: str, files: list[tuple[str, tuple[str, bytes]]], query: Mapping[str, Any]
    ) -> Any:
        """POST a form of files, each with its field's name, its own name and its content."""
        return self._exchange("POST", path, query=query, files=files)

    def download(self, path: str) -> bytes:
        """GET ``path`` and return what it answers as it is."""
        return self._answered("GET", path).content

    def save(self, path: str, file: IO[bytes]) -> int:
        """GET ``path`` and write what it answers to ``file`` as it comes; return its bytes.

        Raises:
            Failure: the host refused, there is none, or it did not answer to the end.
        """
        size = 0
        try:
            with self._http.stream("GET", f"/api/v1{path}") as answer:
                if not answer.is_success:
                    answer.read()
                self._check(answer)
                for piece in answer.iter_bytes():
                    size += file.write(piece)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        return size

    def lines(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[str]:
        """GET ``path`` and return its lines as they come, until the host ends them.

        Raises:
            Failure: the host refused, there is none, or it has been silent for long.
        """
        try:
            with self._http.stream(
                "GET", f"/api/v1{path}", headers=headers, timeout=_STREAM_TIMEOUT
            ) as answer:
                if not answer.is_success:
                    answer.read()
                self._check(answer)
                yield from answer.iter_lines()
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _check(self, answer: httpx.Response) -> None:
        # Every answer of a Wardian host carries its request's id.
        if REQUEST_ID not in answer.headers or not (answer.is_success or answer.is_error):
            raise _foreign(self.url, answer)
        if answer.is_error:
            raise _refusal(self.url, answer)

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        files: list[tuple[str, tuple[str, bytes]]] | None = None,
    ) -> Any:
        return _decoded(self.url, self._answered(method, path, content, headers, query, files))

    def _answered(
        self,
        method: str,
        path: str,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        files: list[tuple[str, tuple[str, bytes]]] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(
                method,
                f"/api/v1{path}",
                content=content,
                headers=headers,
                params=query,
                files=files,
            )
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        self._check(answer)
        return answer


@contextmanager
def connect() -> Iterator[Client]:
    """Open a client for the host that ``WARDIAN_URL`` names, with the key ``WARDIAN_API_KEY``.

    Proxies and certificates of the environment are not used: a key goes to the named host only,
    and for the same reason redirects are not followed.
    """
    url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
    key = os.environ.get(KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False)
        if http.base_url.scheme not in {"http", "https"} or not http.base_url.host:
            raise httpx.InvalidURL("it must start with http:// or https://")
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise failure(
            "invalid-arguments",
            "The address or the key cannot be used.",
            f"{URL_VARIABLE} ({url!r}) or {KEY_VARIABLE} cannot be used: {error}.",
        ) from error
    with http:
        yield Client(url, http)


def plugin_path(name: str, rest: str = "") -> str:
    """The path of a plugin below ``/api/v1``."""
    return f"/plugins/{quote(name, safe='')}{rest}"


def _unreachable(url: str, error: httpx.HTTPError) -> Failure:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        detail = (
            f"No host answers at {url}. Start one with `wardian serve`, or name one in "
            f"{URL_VARIABLE}."
        )
    else:
        detail = f"The host at {url} did not answer to the end: {error or type(error).__name__}."
    return failure("unreachable", "The host cannot be reached.", detail)


def _refusal(url: str, answer: httpx.Response) -> Failure:
    problem = _decoded(url, answer)
    if not isinstance(problem, dict) or not isinstance(problem.get("type"), str):
        raise _foreign(url, answer)
    problem["type"] = problem["type"].rpartition("/")[2]
    problem.setdefault("title", "The host refused.")
    problem.setdefault("detail", problem["title"])
    if problem["type"] == "unauthenticated" and not os.environ.get(KEY_VARIABLE):
        problem["detail"] += f" Set {KEY_VARIABLE}."
    return Failure(problem, problem.pop("usage", None))


def _decoded(url: str, answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _foreign(url, answer) from error


def _foreign(url: str, answer: httpx.Response) -> Failure:
    return failure(
        "unexpected-answer",
        "The answer is not a Wardian host's.",
        f"{url} answered with status {answer.status_code} and not as a Wardian host does; "
        f"check {URL_VARIABLE}.",
    )
