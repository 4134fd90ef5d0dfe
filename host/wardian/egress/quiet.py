"""Nothing of guests' requests in httpcore's log, where an application wants all of it.

At DEBUG it quotes the heads of responses, and a server may say a credential back in one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGER = "httpcore.http11"

_quiet: ContextVar[bool] = ContextVar("wardian_quiet", default=False)


@contextmanager
def unlogged() -> Iterator[None]:
    """Have httpcore log nothing of what is done within; what others do with it is not affected."""
    # A filter, because levels are the application's, and may be set at any time.
    logging.getLogger(_LOGGER).addFilter(_of_others)  # the same one once, however often
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _of_others(record: logging.LogRecord) -> bool:
    return not _quiet.get()
