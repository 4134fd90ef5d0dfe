"""The command line's side of the HTTP API: `wardian.client`, with what it raises as failures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import IO, Any, TypeAlias
from urllib.parse import quote

from wardian.cli.environment import KEY_VARIABLE, URL_VARIABLE
from wardian.cli.failures import Failure, failure
from wardian.client.answers import ANYTHING, BYTES, NOTHING, SIZE, WITH_TAG
from wardian.client.blocking import Blocking
from wardian.client.downloads import Target
from wardian.client.errors import (
    ClientError,
    HostError,
    Misconfigured,
    NotConnected,
    UnexpectedAnswer,
)
from wardian.client.feeds import SILENCE_SECONDS, STREAM_TYPE, Lines
from wardian.client.operations import V1, V2, Operation, asking
from wardian.client.options import DEFAULT_URL, Options, Place, Retry
from wardian.client.uploads import Source, form, one

# The longest call a host allows takes an hour, and its answer comes at its end. Whoever typed a
# command sees what came of it, and decides whether to give it again.
_OPTIONS = Options(timeout=3700.0, retry=Retry(times=0))

Progress: TypeAlias = Callable[[int, int | None], None]


class Client:
    """One host, as one API key sees it. Use it through ``connect``."""

    def __init__(self, sender: Blocking, base: str = V1) -> None:
        self.url = sender.place.url
        self._sender = sender
        self._base = base

    @property
    def v2(self) -> Client:
        """The same host's version 2 of the API, below ``/api/v2``."""
        return Client(self._sender, V2)

    def get(self, path: str) -> Any:
        """GET ``path`` below ``/api/v1``."""
        return self.send("GET", path)

    def get_to_change(self, path: str) -> tuple[Any, dict[str, str]]:
        """GET ``path``, and the header with which a change of it overwrites nobody else's.

        Raises:
            Failure: as `send`.
        """
        found, tag = self._run(Operation("GET", self._base + path, WITH_TAG))
        return found, {} if tag is None else {"If-Match": tag}

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
        return self._run(asking(method, self._base + path, body, {}, headers or {}))

    def forward(self, method: str, path: str, signed: bytes) -> Any:
        """Send what somebody signed as it is."""
        return self._run(Operation(method, self._base + path, ANYTHING).with_signed(signed))

    def upload(
        self,
        path: str,
        package: bytes,
        progress: Progress,
        query: Mapping[str, Any],
        signature: bytes | None = None,
    ) -> Any:
        """POST a package, and its signature with it; ``progress`` is told what has gone."""
        asked = asking("POST", self._base + path, None, query, {})
        return self._run(asked.with_upload(one(package, signature, progress)))

    def upload_files(
        self, path: str, files: list[tuple[str, Source]], query: Mapping[str, Any]
    ) -> Any:
        """POST a form of files, each with its field's name."""
        return self._run(
            asking("POST", self._base + path, None, query, {}).with_upload(form(files, None))
        )

    def download(self, path: str) -> bytes:
        """GET ``path`` and return what it answers as it is."""
        return bytes(self._run(Operation("GET", self._base + path, BYTES)))

    def save(self, path: str, file: IO[bytes]) -> int:
        """GET ``path`` and write what it answers to ``file`` as it comes; return its bytes.

        Raises:
            Failure: the host refused, there is none, or it did not answer to the end.
        """
        return int(self._run(Operation("GET", self._base + path, SIZE, target=Target(file))))

    def lines(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[str]:
        """GET ``path`` and return its lines as they come, until the host ends them.

        Raises:
            Failure: the host refused, there is none, or it has been silent for long.
        """
        return self._told(Operation("GET", self._base + path, NOTHING, headers=headers or {}))

    def told(self, path: str, body: Any) -> Iterator[str]:
        """POST ``body`` as JSON and return the lines of the stream that it is answered with.

        Raises:
            Failure: as `lines`.
        """
        headers = {"Accept": STREAM_TYPE}
        return self._told(asking("POST", self._base + path, body, {}, headers).reading(NOTHING))

    def _told(self, operation: Operation[None]) -> Iterator[str]:
        asked = replace(operation, timeout=SILENCE_SECONDS)
        lines = Lines(self._sender.options.answer_max_bytes)
        with _failing(self.url), closing(self._sender.pieces(asked)) as pieces:
            for piece in pieces:
                yield from lines.cut(piece)

    def _run(self, operation: Operation[Any]) -> Any:
        with _failing(self.url):
            return self._sender.run(operation)


@contextmanager
def connect() -> Iterator[Client]:
    """Open a client for the host that ``WARDIAN_URL`` names, with the key ``WARDIAN_API_KEY``.

    Proxies and certificates of the environment are not used: a key goes to the named host only,
    and for the same reason redirects are not followed.
    """
    try:
        sender = Blocking.to(Place.of(None, None), _OPTIONS, None)
    except Misconfigured as error:
        url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
        raise failure(
            "invalid-arguments",
            "The address or the key cannot be used.",
            f"{URL_VARIABLE} ({url!r}) or {KEY_VARIABLE} cannot be used: {error}",
        ) from error
    with closing(sender):
        yield Client(sender)


def plugin_path(name: str, rest: str = "") -> str:
    """The path of a plugin below ``/api/v1``."""
    return f"/plugins/{quote(name, safe='')}{rest}"


@contextmanager
def _failing(url: str) -> Iterator[None]:
    """Have what the client raises be a failure of the command."""
    try:
        yield
    except HostError as error:
        raise _refusal(error) from error
    except UnexpectedAnswer as error:
        raise _foreign(url, error) from error
    except NotConnected as error:
        raise _unreachable(
            f"No host answers at {url}. Start one with `wardian serve`, or name one in "
            f"{URL_VARIABLE}."
        ) from error
    except ClientError as error:
        raise _unreachable(str(error)) from error


def _unreachable(detail: str) -> Failure:
    return failure("unreachable", "The host cannot be reached.", detail)


def _refusal(error: HostError) -> Failure:
    problem = dict(error.members)
    problem["type"] = problem["type"].rpartition("/")[2]
    if problem["type"] == "unauthenticated" and not os.environ.get(KEY_VARIABLE):
        problem["detail"] += f" Set {KEY_VARIABLE}."
    return Failure(problem, problem.pop("usage", None))


def _foreign(url: str, error: UnexpectedAnswer) -> Failure:
    return failure(
        "unexpected-answer",
        "The answer is not a Wardian host's.",
        f"{url} answered with status {error.status} and not as a Wardian host does; "
        f"check {URL_VARIABLE}.",
    )
