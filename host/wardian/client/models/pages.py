"""What answers say in their headers: the state of a thing, and where a list goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Tagged(msgspec.Struct, frozen=True, kw_only=True):
    """What can be changed from what it was.

    Attributes:
        etag: what a change takes as ``if_match``, so that it overwrites nothing that somebody else
            has changed since; empty where the answer did not say it.
    """

    etag: str = ""


class Page(list[T], Generic[T]):
    """A list, or a page of one.

    Attributes:
        next: the ``cursor`` with which to ask for the page after it; None if there is none.
        etag: of the list, as a change takes it for ``if_match``; empty where it has none.
    """

    def __init__(self, items: Iterable[T] = (), *, next: str | None = None, etag: str = "") -> None:  # noqa: A002 -- as pages of other kinds have it
        super().__init__(items)
        self.next = next
        self.etag = etag
