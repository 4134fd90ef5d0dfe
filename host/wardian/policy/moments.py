"""Moments that strangers name."""

from __future__ import annotations

from datetime import UTC, datetime

from wardian.errors import InvalidArguments


def in_utc(moment: datetime, path: str) -> datetime:
    """Return a moment in UTC; one that names no time zone is taken to be.

    Args:
        path: where it was given, for the error.

    Raises:
        InvalidArguments: in UTC it is before the first year, or after the last.
    """
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidArguments("There is no such moment in UTC.", path=path) from None
