"""Exports of plugins' key-value storage: JSON Lines, exact but for credentials.

An export is there to be read again, so nothing is changed in it, other than that the tenant's
credentials are taken out: these leave the host in no way.
"""

from __future__ import annotations

from datetime import datetime
from typing import IO

import msgspec

from wardian.errors import WardianError
from wardian.policy.leaks import Leaks
from wardian.runtime.store_views import moment
from wardian.storage.kv_layout import Namespace
from wardian.storage.kv_survey import StoredRow


class ExportedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an export."""

    namespace: str
    key: str
    value: str
    expires_at: datetime | None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """How much was exported.

    Attributes:
        redacted: of how many entries a credential of the tenant was taken out.
    """

    plugin: str
    entries: int
    size_bytes: int
    redacted: int


class Lines:
    """Writes entries to a file, and counts them; it may be used in any thread, one at a time."""

    def __init__(self, leaks: Leaks, file: IO[bytes]) -> None:
        self._leaks = leaks
        self._file = file
        self.entries = 0
        self.size_bytes = 0
        self.redacted = 0

    def write(self, batch: list[StoredRow]) -> None:
        """Write a batch.

        Raises:
            WardianError: the file cannot be written.
        """
        lines = b"".join(map(self._line, batch))
        try:
            self._file.write(lines)
            self._file.flush()
        except OSError as exc:
            raise WardianError(f"The export cannot be written: {exc.strerror}.") from exc
        self.size_bytes += len(lines)

    def _line(self, row: StoredRow) -> bytes:
        space = Namespace.of(row.key)
        value = row.value.decode()
        clean = self._leaks.redacted(value)
        self.entries += 1
        self.redacted += clean != value
        entry = ExportedEntry(
            namespace=space.name,
            key=space.bare(row.key).decode(),
            value=clean,
            expires_at=moment(row.expires_at),
        )
        return msgspec.json.encode(entry) + b"\n"
