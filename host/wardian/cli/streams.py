"""Standard output that is closed or full: an end without a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from wardian.cli.failures import FAILED


@contextmanager
def standard_streams() -> Iterator[None]:
    """Run a command; where its output cannot be written, it ends with exit code 1, in silence."""
    if sys.stderr is None:
        # Only complaints are lost. The number must not become that of some file of the host's.
        _redirect(2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if sys.stdout is None:
        # Nothing is begun whose outcome could not be told.
        sys.exit(FAILED)
    watched = _Watched(sys.stdout.fileno()), _Watched(sys.stderr.fileno())
    sys.stdout, sys.stderr = map(_over, watched, (sys.stdout, sys.stderr))
    try:
        yield
    except OSError:
        if not any(each.lost for each in watched):
            raise
    finally:
        _finish(watched)


class _Watched(io.FileIO):
    """A standard stream that remembers whether it could be written to."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self.lost = False

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            self.lost = True
            raise


def _over(raw: _Watched, stream: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )


def _finish(watched: tuple[_Watched, _Watched]) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    lost = [each for each in watched if each.lost]
    for each in lost:
        # The interpreter flushes once more at its end, and would complain.
        _redirect(each.fileno())
    if lost:
        sys.exit(FAILED)


def _redirect(number: int) -> None:
    sink = os.open(os.devnull, os.O_WRONLY)
    if sink != number:
        os.dup2(sink, number)
        os.close(sink)
