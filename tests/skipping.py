"""Tests that need a program of the machine's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import pytest

from servers import NotInstalled

T = TypeVar("T")


@contextmanager
def needed(server: AbstractContextManager[T]) -> Iterator[T]:
    """Run a server; without the program for it the test is skipped, or fails if none may be."""
    try:
        with server as running:
            yield running
    except NotInstalled as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
