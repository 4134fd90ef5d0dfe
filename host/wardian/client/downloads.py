"""Answers that are files: written as they come, and there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from wardian.client.errors import NotSendable

Sink: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""Where a file goes: a path, or what is open for writing and stays open."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many bytes have come, and of how many, if the host says."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an answer goes, and who is told how far it is."""

    sink: Sink
    progress: Progress | None = None

    @property
    def again(self) -> bool:
        """Whether it can be begun once more after a part of it has come."""
        return isinstance(self.sink, str | os.PathLike)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Lend what to write to; a path has the file only when this ends without an error.

        Raises:
            NotSendable: nothing can be written there.
        """
        if not isinstance(self.sink, str | os.PathLike):
            yield self.sink
            return
        path = Path(self.sink)
        try:
            number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")
        except OSError as error:
            raise NotSendable(f"{path} cannot be written: {error}.") from error
        try:
            with open(number, "wb") as file:
                yield file
            os.replace(name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
