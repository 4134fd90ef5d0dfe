"""Where a credential may go: scheme, host, port and the beginning of the path."""

from __future__ import annotations

from dataclasses import dataclass

from wardian.errors import InvalidArguments
from wardian.policy.urls import Url, parse_url


@dataclass(frozen=True, slots=True)
class Binding:
    """An origin with the beginning of a path, such as ``https://api.example.org/repos/``."""

    url: Url

    def covers(self, url: Url) -> bool:
        """Tell whether a request to ``url`` stays within: the path in whole segments."""
        ours, theirs = self.url, url
        if (ours.scheme, ours.host, ours.port) != (theirs.scheme, theirs.host, theirs.port):
            return False
        prefix = ours.path.removesuffix("/")
        return theirs.path == ours.path or theirs.path.startswith(f"{prefix}/")

    def __str__(self) -> str:
        return str(self.url)


def parse_binding(text: str) -> Binding:
    """Parse a binding.

    Raises:
        InvalidArguments: it is not an address, or one with a query.
    """
    url = parse_url(text)
    if url.query is not None:
        raise InvalidArguments(f"{text[:200]!r} cannot bind a credential: it has a query.")
    return Binding(url)
