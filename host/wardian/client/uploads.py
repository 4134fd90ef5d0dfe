"""Files on their way to a host: read in pieces, counted, and from their beginning again if need be.

A form is written as multipart/form-data has it (RFC 7578).
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias

from wardian.client.errors import NotSendable

PIECE_BYTES = 256 * 1024

SIGNATURE_MAX_BYTES = 64 * 1024

Source: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes]
"""A file by its path, its bytes, or what is open for reading; what is open stays open."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many bytes have gone, and of how many, if that is known."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A body of one source, or of several with text between them.

    Attributes:
        parts: what it consists of, in order.
        headers: that describe it.
    """

    parts: tuple[Source, ...]
    headers: Mapping[str, str]
    progress: Progress | None = None
    starts: tuple[int | None, ...] = field(default=(), kw_only=True)

    @property
    def size(self) -> int | None:
        """Bytes in all; None where something that is open does not say how much it has."""
        sizes = [size_of(part, start) for part, start in zip(self.parts, self.starts, strict=True)]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def rewindable(self) -> bool:
        """Whether it can be sent again."""
        return all(
            start is not None or not _is_open(part)
            for part, start in zip(self.parts, self.starts, strict=True)
        )

    @property
    def waits(self) -> bool:
        """Whether reading it may wait for a disk."""
        return not all(isinstance(part, bytes) for part in self.parts)

    def pieces(self) -> Iterator[bytes]:
        """Read it from its beginning.

        Raises:
            OSError: a file cannot be read.
        """
        for part, start in zip(self.parts, self.starts, strict=True):
            yield from _pieces(part, start)

    def counted(self) -> Iterator[bytes]:
        """Read it from its beginning, and tell how much of it has gone."""
        meter = Meter(self)
        for piece in self.pieces():
            yield piece
            meter.sent(piece)


class Meter:
    """Tells how much of an upload has gone."""

    def __init__(self, upload: Upload) -> None:
        self._progress = upload.progress
        self._total = upload.size
        self._sent = 0

    def sent(self, piece: bytes) -> None:
        """A piece has gone."""
        self._sent += len(piece)
        if self._progress is not None:
            self._progress(self._sent, self._total)


def one(source: Source, signature: Source | None, progress: Progress | None) -> Upload:
    """A package as the body, and its signature as a header."""
    headers = {"Content-Type": "application/zip"}
    if signature is not None:
        headers["Wardian-Signature"] = base64.b64encode(contents(signature)).decode()
    return _upload([source], headers, progress)


def form(files: Sequence[tuple[str, Source]], progress: Progress | None) -> Upload:
    """A form of files, each with its field's name, which is of letters."""
    boundary = secrets.token_hex(16)
    parts: list[Source] = []
    for name, source in files:
        disposition = f'form-data; name="{name}"; filename="{name}"'
        kind = "application/octet-stream"
        parts += (
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
            f"Content-Type: {kind}\r\n\r\n".encode(),
            source,
            b"\r\n",
        )
    parts.append(f"--{boundary}--\r\n".encode())
    return _upload(parts, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, progress)


def contents(source: Source) -> bytes:
    """Read something small whole.

    Raises:
        NotSendable: it cannot be read, or is not small.
    """
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with _opened(source) as file:
                content = file.read(SIGNATURE_MAX_BYTES + 1)
        except OSError as error:
            raise NotSendable(f"The signature cannot be read: {error}.") from error
    if len(content) > SIGNATURE_MAX_BYTES:
        raise NotSendable(f"A signature has at most {SIGNATURE_MAX_BYTES:,} bytes.")
    return content


def size_of(source: Source, start: int | None) -> int | None:
    """Bytes of a source from ``start`` on, if that is known before it is read."""
    if isinstance(source, bytes):
        return len(source)
    if not _is_open(source):
        return Path(source).stat().st_size  # type: ignore[arg-type]
    if start is None:
        return None
    file: Any = source
    end: int = file.seek(0, os.SEEK_END)
    return max(0, end - start)


def _upload(
    parts: Sequence[Source], headers: Mapping[str, str], progress: Progress | None
) -> Upload:
    try:
        starts = tuple(_start(part) for part in parts)
        upload = Upload(tuple(parts), headers, progress, starts=starts)
        size = upload.size
    except OSError as error:
        raise NotSendable(f"The file cannot be read: {error}.") from error
    length = {} if size is None else {"Content-Length": str(size)}
    return Upload(tuple(parts), {**headers, **length}, progress, starts=starts)


def _pieces(source: Source, start: int | None) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for at in range(0, len(source), PIECE_BYTES):
            yield source[at : at + PIECE_BYTES]
        return
    with _opened(source) as file:
        if start is not None:
            file.seek(start)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _opened(source: Source) -> Any:
    return nullcontext(source) if _is_open(source) else Path(source).open("rb")  # type: ignore[arg-type]


def _is_open(source: Source) -> bool:
    return not isinstance(source, str | bytes | os.PathLike)


def _start(source: Source) -> int | None:
    """Where what is open stands, if it can go back there."""
    if isinstance(source, str | bytes | os.PathLike) or not source.seekable():
        return None
    return source.tell()
